#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Searches for known vulnerabilities that the program can reach. Needs the network: the database is
# vuln.go.dev, or the URL in GOVULNDB (a local copy: file://). Fails if there is one, and if the
# database cannot be read.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
go tool -modfile=tools/supply/go.mod govulncheck ${GOVULNDB:+-db "$GOVULNDB"} ./cmd/ipsec ./cmd/ipsec-fleet >"$log" 2>&1 || status=$?
cat "$log"
if grep -q 'fetching vulnerabilities:' "$log"; then
	echo 'vulncheck: the database cannot be read, so nothing was checked' >&2
	exit 2
fi
exit $status

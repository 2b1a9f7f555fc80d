#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Writes the bill of materials of a program, built from the last commit, with the licence of each
# component: CycloneDX in JSON, to standard output or the named file: sbom.sh [ipsec|ipsec-fleet [FILE]].
# It is reproducible.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

program=${1:-ipsec}
# A clone: the tool reads the version from a complete repository only.
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT
git clone -q . "$clone"
tool=$(go tool -modfile=tools/supply/go.mod -n cyclonedx-gomod)
(cd "$clone" && CGO_ENABLED=0 "$tool" app -json -licenses -noserial -notimestamp -main "cmd/$program" -output sbom.json . >sbom.log 2>&1) || {
	cat "$clone/sbom.log" >&2
	exit 1
}
if [ $# -gt 1 ]; then
	install -D -m 644 "$clone/sbom.json" "$2"
else
	cat "$clone/sbom.json"
fi

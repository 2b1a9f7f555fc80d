#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Prints the version of the last commit, for the program and the packages: 0.1.0 on its tag,
# 0.1.0+5.g0123456 five commits later, 0.1.0~git20261129.0123456 before the release is tagged, and
# 0.1.0 outside of a repository. Packages sort: ~git, release, + commits.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if tag=$(git describe --tags --match 'v*' --abbrev=7 2>/dev/null); then
	sed 's/^v//; s/-/+/; s/-/./g' <<<"$tag"
	exit
fi
release=$(sed -n 's/^const release = "\(.*\)"$/\1/p' cmd/ipsec/version.go)
TZ=UTC git log -1 --abbrev=7 --date=format-local:%Y%m%d --format="$release~git%cd.%h" 2>/dev/null || echo "$release"

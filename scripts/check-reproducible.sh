#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds program, packages and bill of materials of the last commit twice, in different
# directories, at different times, with different umask, time zone and language, and the
# program the second time without a build cache. Fails if a byte differs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT

# build DIR CACHE: clones into DIR, builds the program with this build cache, and stores the result in DIR/made.
build() {
	git clone -q "$root" "$1"
	cd "$1"
	GOCACHE=$2 make -s build
	scripts/packages.sh made >build.log 2>&1 || { cat build.log >&2; return 1; }
	scripts/sbom.sh ipsec made/sbom.json
	cp bin/ipsec made/ipsec
}

(build "$work/one" "$(go env GOCACHE)")
(
	umask 077
	export TZ=Pacific/Auckland LC_ALL=C.UTF-8
	build "$work/another/place/that/is/deeper" "$work/cache"
)
cd "$work/one/made"
status=0
for file in *; do
	if cmp "$file" "$work/another/place/that/is/deeper/made/$file"; then
		printf '%s  %s\n' "$(sha256sum "$file" | cut -c1-16)" "$file"
	else
		status=1
	fi
done
[ "$(ls "$work/another/place/that/is/deeper/made" | wc -l)" = "$(ls | wc -l)" ] || { echo 'not the same files' >&2; status=1; }
exit $status

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every Go fuzzer of the module for the time given, one after the other. Fails
# with what the fuzzer says, and leaves the input in testdata/fuzz, if one finds something.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly fuzztime=${1:?how long, for example 10s}

# go test -list prints a package's names, then a line "ok PACKAGE TIME".
fuzzers=$(go test -list '^Fuzz' ./... |
	awk '/^Fuzz/ { names[++n] = $1 } $1 == "ok" { for (i = 1; i <= n; i++) print $2, names[i]; n = 0 }')
if [ -z "$fuzzers" ]; then
	echo 'no fuzzers found' >&2
	exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while read -r package name; do
	# What it has found before is kept beside go's build cache, and is its start.
	if ! go test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" "$package" </dev/null >"$log" 2>&1; then
		cat "$log" >&2
		exit 1
	fi
	printf '%s %s: %s\n' "$package" "$name" "$(sed -n 's/.*\(execs: [0-9]*\).*/\1/p' "$log" | tail -n 1)"
done <<<"$fuzzers"

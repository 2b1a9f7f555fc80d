#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every Go fuzzer of the module for the time given, one after the other.
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
while read -r package name; do
	printf '%s %s\n' "$package" "$name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "$fuzztime" "$package" </dev/null
done <<<"$fuzzers"

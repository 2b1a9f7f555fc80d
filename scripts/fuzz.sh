#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every Go fuzzer of the module for the time given, one after the other. Fails
# with what the fuzzer says, and leaves the input in testdata/fuzz, if one finds something.
# What is in testdata/fuzz is the beginning of each; go test runs it, too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly fuzztime=${1:?how long, for example 10s}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# What they find on the way is kept where go test -fuzz does.
found=$(go env GOCACHE)/fuzz

# timeIsUp: whether all that went wrong is that Go 1.26 took the end of the time for a failure
# (https://go.dev/issue/75804).
timeIsUp() { grep -qx '    context deadline exceeded' "$work/log" && ! grep -q 'Failing input written' "$work/log"; }

total=0
for dir in $(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do
	# Built once for all fuzzers of a package.
	go test -c -fuzz=. -o "$work/fuzz.test" "$dir" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	package=$(go list "$dir")
	for name in $(cd "$dir" && "$work/fuzz.test" -test.list '^Fuzz'); do
		(cd "$dir" && "$work/fuzz.test" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "$fuzztime" \
			-test.fuzzminimizetime 10x -test.fuzzcachedir "$found/$package") >"$work/log" 2>&1 </dev/null || timeIsUp || { cat "$work/log" >&2; exit 1; }
		printf '%s %s: %s\n' "${dir#./}" "$name" "$(sed -n 's/.*execs: \([0-9]*\) .*/\1 inputs/p' "$work/log" | tail -n 1)"
		total=$((total + 1))
	done
done
[ "$total" -gt 0 ] || { echo 'no fuzzers found' >&2; exit 1; }

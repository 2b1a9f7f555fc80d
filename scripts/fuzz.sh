#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs every Go fuzzer of the module for the given time, one after the other. If one finds a failure,
# prints it, stores the input in testdata/fuzz, and fails. Inputs in testdata/fuzz are run first; go test
# runs them, too. With the second argument "blind" the coverage does not guide the choice of inputs: for a second that
# makes no difference, and the packages need not be compiled again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly fuzztime=${1:?how long, for example 10s}
guide=-fuzz=.
[ "${2-}" != blind ] || guide=
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# New corpus entries are stored in the cache of go test -fuzz.
found=$(go env GOCACHE)/fuzz

# timeIsUp: succeeds if the only failure is that Go 1.26 reports the end of the time as one
# (https://go.dev/issue/75804).
timeIsUp() { grep -qx '    context deadline exceeded' "$work/log" && ! grep -q 'Failing input written' "$work/log"; }

total=0
for dir in $(grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -n 1 dirname | sort -u); do
	# Built once for all fuzzers of a package.
	go test -c $guide -o "$work/fuzz.test" "$dir" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
	package=$(go list "$dir")
	for name in $(cd "$dir" && "$work/fuzz.test" -test.list '^Fuzz'); do
		(cd "$dir" && "$work/fuzz.test" -test.run '^$' -test.fuzz "^$name\$" -test.fuzztime "$fuzztime" \
			-test.fuzzminimizetime 10x -test.fuzzcachedir "$found/$package") >"$work/log" 2>&1 </dev/null || timeIsUp || { cat "$work/log" >&2; exit 1; }
		printf '%s %s: %s\n' "${dir#./}" "$name" "$(sed -n 's/.*execs: \([0-9]*\) .*/\1 inputs/p' "$work/log" | tail -n 1)"
		total=$((total + 1))
	done
done
[ "$total" -gt 0 ] || { echo 'no fuzzers found' >&2; exit 1; }

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In the guest: runs the test binaries of a list, one per line: import path, directory, binary and the
# pattern of its tests. $1 is the list; the other arguments are passed to each binary. The exit code is
# that of go test.
list=$1
shift
failed=0
while IFS=$'\t' read -r -u 3 package dir binary pattern; do
	# A copy in memory: pages of the shared file system are read one by one.
	cp "$binary" /run/test.bin && cd "$dir" || exit 125
	start=$(date +%s%N)
	if /run/test.bin -test.run="$pattern" "$@" 3<&-; then
		result="ok  "
	else
		result=FAIL
		failed=1
	fi
	ms=$((($(date +%s%N) - start) / 1000000))
	printf '%s\t%s\t%d.%03ds\n' "$result" "$package" $((ms / 1000)) $((ms % 1000))
done 3<"$list"
exit $failed

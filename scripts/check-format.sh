#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fails if a Go or C file is not formatted (run make format), if a C header does not compile on
# its own, or if a test can be skipped: tests that cannot run on the host run in the VM.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
status=0

unformatted=$(gofmt -l .)
if [ -n "$unformatted" ]; then
	printf 'gofmt: not formatted:\n%s\n' "$unformatted" >&2
	status=1
fi

clang-format-19 --dry-run -Werror bpf/*.[ch] bpf/bpftest/*.c || status=1

for header in bpf/*.h; do
	printf '#include "%s"\n' "$header" | clang-19 -target bpf -mcpu=v3 -O2 -Wall -Werror -Wno-unused-function \
		-I. -I/usr/include/x86_64-linux-gnu -x c -fsyntax-only - || {
		echo "$header does not compile on its own" >&2
		status=1
	}
done

if grep -rnE --include='*_test.go' '\.Skip(f|Now)?\(' . >&2; then
	echo 'a test that can be skipped' >&2
	status=1
fi
if grep -rnE --include='*.txtar' '^([[][^]]*[]] *)*skip( |$)' . >&2; then
	echo 'a script that can be skipped' >&2
	status=1
fi
exit $status

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Updates bpf/verifier.txt for the running kernel and the named kernels of the VM, such as 7.3;
# without names, for the VM's default.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly file=bpf/verifier.txt

go test -count=1 -run '^TestPrograms$' ./bpf -update
for kernel in "${@:-}"; do
	scripts/setup.sh vm $kernel
	# It fails because the file is not updated yet, and then repeats its messages.
	lines=$(go run ./internal/vm/run -kernel "$kernel" -pkg ./bpf -run '^TestProgramsInVM$' |
		tee /dev/stderr | sed -n 's/.*budget: //p') || true
	[ -n "$lines" ] || { echo 'budget: no output from the VM' >&2; exit 1; }
	series=${lines%% *}
	{ head -n 1 "$file"; { sed 1d "$file" | grep -v "^$series " || true; printf '%s\n' "$lines"; } | LC_ALL=C sort -u; } >"$file.new"
	mv "$file.new" "$file"
done
cat "$file"

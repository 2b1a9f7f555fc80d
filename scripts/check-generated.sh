#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Fails if docs/man differs from the help texts, or if the Go files and objects of bpf/ differ
# from those generated in a copy.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go test -count=1 -run TestManPages ./cmd/ipsec ./cmd/ipsec-fleet
go vet -tags docs ./cmd/ipsec ./cmd/ipsec-fleet

# Inside the module, so that go generate finds its tool.
copy=$(mktemp -d "$PWD/.generated.XXXXXX")
trap 'rm -rf "$copy"' EXIT
mkdir "$copy/bpftest"
cp bpf/*.[ch] bpf/doc.go "$copy"
cp bpf/bpftest/*.c bpf/bpftest/doc.go "$copy/bpftest"
(cd "$copy" && go generate doc.go >generate.log 2>&1) || {
	cat "$copy/generate.log" >&2
	exit 1
}
stale=()
for file in bpf/*_bpfel.* bpf/bpftest/*_bpfel.* "$copy"/*_bpfel.* "$copy"/bpftest/*_bpfel.*; do
	name=${file#"$copy"/}
	name=${name#bpf/}
	cmp -s "bpf/$name" "$copy/$name" || stale+=("bpf/$name")
done
if [ ${#stale[@]} -gt 0 ]; then
	printf 'not what make generate makes: %s\n' "$(printf '%s\n' "${stale[@]}" | sort -u | tr '\n' ' ')" >&2
	exit 1
fi

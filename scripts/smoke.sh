#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests on other kernels than the VM's default: the most significant VM tests on the newest one, and on
# one that is too old, that commands refuse to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly newest=7.3 too_old=6.1

scripts/setup.sh vm $newest
go run ./internal/vm/run -kernel $newest -pkg './bpf ./test/vm' \
	-run '^(TestProgramsInVM|TestPing|TestMigrate|TestWatched)$|^TestTrapToSA$/^%trap$'

scripts/setup.sh vm $too_old
go run ./internal/vm/run -kernel $too_old -- bash -c '
	ip link add wan type dummy
	for args in "tncfg --attach --virtual ipsec0 --physical wan" \
		"eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %drop"; do
		said=$(bin/ipsec $args 2>&1)
		code=$?
		printf "%s\nexit %d\n" "$said" $code
		[[ $code = 1 && $said = "ipsec ${args%% *}: no kernel support"*", use Linux 6.6 or later"* ]] || exit 1
	done'

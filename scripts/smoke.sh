#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Tests on other kernels than the VM's default: the most significant VM tests on the newest one, and on
# one that is too old, that commands refuse to run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly newest=7.3 too_old=6.1

# refuses_too_old: in the VM of a kernel that is too old, commands say so.
refuses_too_old() {
	go run ./internal/vm/run -kernel $too_old -- bash -c '
		ip link add wan type dummy
		for args in "tncfg --attach --virtual ipsec0 --physical wan" \
			"eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %drop"; do
			said=$(bin/ipsec $args 2>&1)
			code=$?
			printf "%s\nexit %d\n" "$said" $code
			[[ $code = 1 && $said = "ipsec ${args%% *}: no kernel support"*", use Linux 6.6 or later"* ]] || exit 1
		done'
}

scripts/setup.sh vm $newest
scripts/setup.sh vm $too_old
# Both VMs boot at the same time; the tests run after that.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
refuses_too_old >"$log" 2>&1 &
refusal=$!
failed=0
go run ./internal/vm/run -kernel $newest -pkg './bpf ./test/vm' \
	-run '^(TestProgramsInVM|TestPing|TestWatched|TestNewKernel.*)$|^TestMigrate$/^one_state$|^TestTrapToSA$/^%trap$' || failed=1
wait $refusal || failed=1
cat "$log"
exit $failed

// SPDX-License-Identifier: Apache-2.0

package privileges

import "testing"

// When file descriptors are exhausted, commands report that, and not a missing kernel feature.
func TestNoDescriptors(t *testing.T) {
	room(t, `
failed=0
for command in "`+add+`" "`+attach+`" doctor; do
	for n in 9 12 16 24 28 30 32 40 48 64 90; do
		out=$( (ulimit -n $n; exec $ipsec $command) 2>&1 ) && { $ipsec tncfg --clear; rm -r /sys/fs/bpf/ipsec; continue; }
		case $out in
		*"too many open files"*) failed=$((failed + 1)) ;;
		*) [ "$command" = doctor ] && [ $n -ge 64 ] || { echo "$command with $n: $out" >&2; exit 1; } ;;
		esac
	done
done
[ $failed -gt 15 ]
`)
}

// Without TUN devices attach reports that.
func TestNoTUN(t *testing.T) {
	room(t, `
[ ! -d /dev/net ] || mount -t tmpfs none /dev/net
out=$($ipsec `+attach+` 2>&1) && exit 1
echo "$out" | grep -q 'modprobe tun' || { echo "$out" >&2; exit 1; }
`)
}

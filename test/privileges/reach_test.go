// SPDX-License-Identifier: Apache-2.0

package privileges

import "testing"

// Under "ip netns exec" /sys is a different one, without the table's file system. A user without permission
// to inspect the outermost process's root gets an error, never an empty listing. If there is certainly no
// table, the listing is empty.
func TestUnreachable(t *testing.T) {
	room(t, `
mount -t tmpfs run /run
mkdir /run/netns
ip netns add inner
inner() { ip netns exec inner "$@"; }
install -d -m 2750 -g $group /sys/fs/bpf/ipsec
[ -z "$(reader $ipsec eroute)" ]
inner $ipsec `+add+`
[ "$(inner $ipsec eroute | wc -l)" = 1 ]
[ -z "$($ipsec eroute)" ]
inner ip link set lo up
for look in "eroute" "eroute --json" "eroute --stats" "eroute --save -" "eroute --save /run/saved" "eroute --metrics -" "eroute --metrics /run/saved" \
	"eroute --lookup --src 10.0.0.1 --dst 10.1.0.1" "eroute --watch" "eroute --del --src 10.0.0.0/8 --dst 10.1.0.0/16" \
	"eroute --clear" "eroute --sync" "eroute --restore /dev/null --check" "tncfg" "tncfg --clear" "monitor" "acquire" "doctor"; do
	code=0
	inner setpriv --reuid=nobody --regid=$group --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs timeout 10 $ipsec $look >/run/out 2>/run/err || code=$?
	[ $code = 1 ] && [ ! -s /run/out ] && grep -q 'permission denied\|operation not permitted' /run/err || { echo "$look: $code"; cat /run/out /run/err; exit 1; } >&2
done
`)
}

// A container that shares only the network with its host neither creates another table for that network nor
// reports an empty one.
func TestSharedNetwork(t *testing.T) {
	room(t, `
$ipsec `+add+`
container() { unshare --mount --pid --fork --mount-proc sh -euc "mount -t bpf bpf /sys/fs/bpf; $*"; }
for command in "`+add+`" "eroute" "eroute --clear" "`+attach+`" "tncfg" "eroute --stats" "acquire"; do
	code=0
	err=$(container timeout 10 $ipsec $command 2>&1) || code=$?
	[ $code = 1 ] && echo "$err" | grep -q 'another BPF file system' || { echo "$command: $code, $err" >&2; exit 1; }
done
[ "$($ipsec eroute | wc -l)" = 1 ]
rm -r /sys/fs/bpf/ipsec
container $ipsec `+add+` # whose file system ends with it, and the table in it
[ -z "$($ipsec eroute)" ]
$ipsec `+add+`
`)
}

// SPDX-License-Identifier: Apache-2.0

package privileges

import (
	"fmt"
	"log"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// group is a group without members in the test.
const group = "daemon"

// room runs a script with its own bpffs, network and process tree, and the ipsec command in $ipsec. "try CAPS
// CMD..." runs a command as root with exactly these capabilities; "reader CMD..." as nobody, with the group
// alone.
func room(t *testing.T, script string) {
	t.Helper()
	const prelude = `set -eu
mount -t bpf -o mode=0711 bpf /sys/fs/bpf
ip link add wan type veth peer name far
ip link set wan up
try() {
	caps=$1
	shift
	setpriv --bounding-set="-all$caps" --inh-caps=-all --no-new-privs "$@"
}
reader() { setpriv --reuid=nobody --regid=$group --clear-groups --bounding-set=-all --inh-caps=-all --no-new-privs "$@"; }
`
	cmd := exec.CommandContext(t.Context(), "unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "sh", "-c", prelude+script)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ipsec=" + testenv.Ipsec(t), "group=" + group}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if err := testenv.RemoveIpsec(); err != nil {
		log.Print(err)
	}
	os.Exit(code)
}

const (
	add    = "eroute --add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop"
	trap   = "eroute --add --src 10.0.0.0/8 --dst 10.2.0.0/16 --said %trap"
	attach = "tncfg --attach --virtual ipsec0 --physical wan --ingress wan"
)

// needs are commands, run in this order on one table, and the capabilities that root needs for them: each one
// is required.
var needs = []struct {
	args string
	caps []string
}{
	{"eroute", nil},
	{add, []string{"bpf", "net_admin", "perfmon"}}, // creates the table
	{"eroute", nil},
	{"eroute --save -", nil},
	{"eroute --lookup --src 10.0.0.1 --dst 10.1.0.1", nil},
	{"eroute --stats", nil},
	{"eroute --import-xfrm", []string{"net_admin"}},
	{strings.Replace(add, "--add", "--replace", 1), []string{"net_admin"}},
	{"eroute --sync", []string{"net_admin"}},
	{"eroute --del --src 10.0.0.0/8 --dst 10.1.0.0/16", []string{"net_admin"}},
	{"eroute --clear", []string{"bpf", "net_admin"}},
	{attach, []string{"bpf", "net_admin", "perfmon"}},
	{"tncfg", nil},
	{"tncfg --detach --virtual ipsec0", []string{"net_admin"}},
}

// Root can run each command with the listed capabilities, and not without any of them.
func TestCapabilities(t *testing.T) {
	var script strings.Builder
	for _, c := range needs {
		for i, missing := range c.caps {
			rest := slices.Delete(slices.Clone(c.caps), i, i+1)
			fmt.Fprintf(&script, "if try '%s' $ipsec %s >/dev/null 2>&1; then echo '%s: done without %s' >&2; exit 1; fi\n", plus(rest), c.args, c.args, missing)
		}
		fmt.Fprintf(&script, "try '%s' $ipsec %s || { echo 'failed: %s' >&2; exit 1; }\n", plus(c.caps), c.args, c.args)
	}
	room(t, script.String())
}

// plus is the syntax of setpriv for capabilities after -all.
func plus(caps []string) (text string) {
	for _, c := range caps {
		text += ",+" + c
	}
	return text
}

// The group of the table's directory can read the table, from its first pin to its last, without a
// capability, and cannot change anything; other users can do neither. Only root can write.
func TestGroup(t *testing.T) {
	room(t, `
install -d -m 2750 -g $group /sys/fs/bpf/ipsec
$ipsec `+add+`
$ipsec `+attach+` 2>/dev/null
$ipsec eroute --clear
$ipsec `+add+`
$ipsec `+trap+`
[ "$(reader $ipsec eroute | wc -l)" = 2 ]
reader $ipsec eroute --lookup --src 10.0.0.1 --dst 10.1.0.1 | grep -q %drop
reader $ipsec eroute --stats | grep -q '^eroutes  *2$'
reader $ipsec tncfg | grep -q ipsec0
reader $ipsec eroute --save - | grep -q -- --add
for change in "eroute --clear" "eroute --del --src 10.0.0.0/8 --dst 10.1.0.0/16" "tncfg --detach --virtual ipsec0" "tncfg --clear" "acquire"; do
	! reader $ipsec $change 2>/dev/null || { echo "a reader could $change" >&2; exit 1; }
done
[ "$($ipsec eroute | wc -l)" = 2 ]
! setpriv --reuid=nobody --regid=nogroup --clear-groups $ipsec eroute 2>/dev/null
writable=$(find /sys/fs/bpf/ipsec ! -type l -perm /0022 -o ! -user root -o ! -group $group)
[ -z "$writable" ] || { echo "$writable" >&2; exit 1; }
[ -z "$(find /sys/fs/bpf/ipsec ! -type l -perm /0007)" ]
`)
}

// Without such a group only root can read the table.
func TestNoGroup(t *testing.T) {
	room(t, `
$ipsec `+add+`
! reader $ipsec eroute 2>/dev/null
[ -z "$(find /sys/fs/bpf/ipsec -perm /0027 -o ! -user root -o ! -group root)" ]
`)
}

// Without the capabilities to test the kernel, doctor reports that, and not a missing kernel feature.
func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	room(t, "out="+dir+"/out err="+dir+"/err"+`
for missing in net_admin sys_admin; do
	caps=
	for cap in net_admin sys_admin; do [ $cap = $missing ] || caps=$caps,+$cap; done
	! try "$caps" $ipsec doctor >$out 2>$err
	[ ! -s $out ] && grep -q 'must be root' $err || { echo "without $missing:"; cat $out $err; exit 1; } >&2
done
try ,+net_admin,+sys_admin $ipsec doctor >$out || [ -s $out ]
`)
}

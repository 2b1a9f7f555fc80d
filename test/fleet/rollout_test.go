// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"fmt"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// Tables in the format and order of ipsec eroute --save.
const (
	sites = "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said %trap\n"
	mail  = "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --transport-proto 6 --dst-port 25 --said %drop\n"
	guest = "--add --src 10.1.7.0/24 --dst 10.2.0.0/16 --said %pass\n"
	drop  = "--add --src 10.1.0.0/16 --dst 10.4.0.0/16 --said %drop\n"
	third = "--add --src 10.1.0.0/16 --dst 10.3.0.0/16 --said tun0x1000@192.0.2.2,tun0x2000@198.51.100.2 --spread failover\n"
)

// A revision reaches three gateways, ring by ring, and each has exactly its table. Bad revisions stop in the first
// ring, and change nothing elsewhere.
func TestRollout(t *testing.T) {
	f := newFleet(t)
	// A real dependence on the table: the gateway is healthy while it has the eroute between the sites.
	healthy := fmt.Sprintf("health_command = ['sh', '-c', '%s eroute --save - | grep -q \"dst 10.2.0.0/16 --said\" || { echo no sites; exit 1; }']", testenv.Ipsec(t))
	canary := f.local("gw1", "canary", nodes.EastHost, healthy)
	gw2 := f.local("gw2", "all", nodes.East, healthy)
	gw3 := f.local("gw3", "all", nodes.West, healthy)
	all := []*gateway{canary, gw2, gw3}
	for _, g := range all {
		f.want(g, "unassigned", "")
	}

	first := f.publish("# a comment\n" + sites)
	if again := f.publish(sites); again != first {
		t.Errorf("published again as %s, not %s", again, first)
	}
	progress := "ring canary: revision " + first + "\nring all: revision " + first +
		"\nring canary: 0 of 1 gateways confirmed\nring canary: 1 of 1 gateways confirmed\nring all: "
	if out := f.run("rollout " + first + " --rings canary,all"); !strings.HasPrefix(out, progress) || !strings.HasSuffix(out, "ring all: 2 of 2 gateways confirmed\n") {
		t.Errorf("%s", out)
	}
	for _, g := range all {
		g.has(sites)
	}

	second := f.publish(sites + mail)
	f.run("rollout " + second[:6] + " --rings canary,all")
	for _, g := range all {
		g.has(sites + mail)
		g.is(second)
	}

	// One that opens clear text: refused by the gateway's own rule, before it changes anything.
	opens := f.publish(sites + guest)
	_, err := f.try("rollout " + opens + " --rings canary,all")
	if want := "ipsec-fleet rollout: stopped in ring canary: gateway gw1: refused: "; err == nil || !strings.HasPrefix(err.Error(), want) ||
		!strings.Contains(err.Error(), "opens clear text for 10.1.7.0/24 -> 10.2.0.0/16") {
		t.Errorf("%v, want %s", err, want)
	}
	// One that breaks the health: loaded, and taken back.
	canary.impatient()
	bad := f.publish(mail)
	f.refused("rollout "+bad+" --rings canary,all", "stopped in ring canary: gateway gw1: rolled back: health not good within 2s: health command: exit status 1: no sites")
	for _, g := range all {
		g.has(sites + mail)
		g.is(second)
	}
	if m := canary.metric(`eroute_fleet_state{ring="canary",state="rolled back"}`); !strings.HasSuffix(m, " 1") {
		t.Errorf("metric %q", m)
	}
	status := f.run("status")
	for _, line := range []string{"canary  " + bad[:12] + "  0 of 1", "all     " + second[:12] + "  2 of 2", "gw1      canary  rolled back  " + second[:12]} {
		if !strings.Contains(status, line) {
			t.Errorf("no %q in\n%s", line, status)
		}
	}

	canary.patient()
	// Back in the canary, and then one revision back in both.
	f.run("rollout " + second + " --rings canary")
	if out := f.run("rollback --rings all"); !strings.HasPrefix(out, "ring all: revision "+first+"\n") {
		t.Errorf("%s", out)
	}
	gw2.has(sites)
	gw3.has(sites)
	gw2.is(first)

	// A change by hand is shown, also when a revision is taken back, until a restart finds that it was undone.
	gw2.ipsec("eroute --add --src 10.1.0.0/16 --dst 10.4.0.0/16 --said %drop")
	gw2.is(first + ", changed since")
	gw2.impatient()
	f.refused("rollout "+bad+" --rings all", "rolled back: health not good")
	gw2.is(first + ", changed since")
	gw2.ipsec("eroute --del --src 10.1.0.0/16 --dst 10.4.0.0/16")
	gw2.is(first + ", changed since")
	gw2.patient()
	eventually(t, func() bool { return strings.Contains(gw2.ipsec("eroute --stats"), first+"\n") }, gw2.log.String)
	canary.has(sites + mail)

	if diff := f.run("diff " + first + " " + second); !strings.Contains(diff, "trapped -> dropped: 1 selector") {
		t.Errorf("%s", diff)
	}
	var ids []string
	for line := range strings.Lines(f.run("history")) {
		ids = append(ids, strings.Fields(line)[0])
	}
	if want := []string{"REVISION", bad[:12], opens[:12], second[:12], first[:12]}; fmt.Sprint(ids) != fmt.Sprint(want) {
		t.Errorf("history %v, want %v", ids, want)
	}

	f.refused("rollout 0000 --rings canary", `revision "0000": not found`)
	f.refused("rollout "+first+" --rings canry", "ring canry: no gateway is registered in it")
	f.refused("publish "+f.write("sa", "--add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2\n"), "an SA of one gateway")

	// Old revisions are removed, except those that a ring, a gateway or the parent of a ring's revision names.
	f.run("rollout " + second + " --rings all")
	old, newest := f.publish(sites+drop), f.publish(drop)
	if out := f.run("prune --keep 1 --check"); !strings.HasSuffix(out, "\nwould remove 2 revisions and 2 snapshots, 4 revisions remain\n") {
		t.Errorf("%s", out)
	}
	if out := f.run("prune --keep 1"); out != "removed revision "+opens[:12]+"\nremoved revision "+old[:12]+"\nremoved 2 revisions and 2 snapshots, 4 revisions remain\n" {
		t.Errorf("%s", out)
	}
	if got, err := server.root.Get(t.Context(), f.prefix+"/v1/blob/", clientv3.WithPrefix(), clientv3.WithCountOnly()); err != nil || got.Count != 4 {
		t.Errorf("%+v, %v, want the snapshots of 4 revisions", got, err)
	}
	f.refused("rollout "+old+" --rings all", "not found")
	f.run("rollout " + first + " --rings all")
	f.run("rollback --rings all")
	gw2.has(sites + mail)
	again := f.publish(sites + drop)
	f.run("rollout " + again + " --rings all")
	gw2.has(sites + drop)
	if history := f.run("history"); !strings.Contains(history, "\n"+newest[:12]) || strings.Contains(history, "\n"+old[:12]) {
		t.Errorf("%s", history)
	}
}

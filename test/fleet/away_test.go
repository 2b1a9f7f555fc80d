// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// Without the store nothing changes, not even over a restart and an empty table, as after a boot: the confirmed
// revision is restored from disk, also if eroutes that follow policies are there already. When the store is back, the
// next rollout reaches the gateway.
func TestStoreAway(t *testing.T) {
	f := newFleet(t)
	g := f.local("gw", "ring", nodes.East, "")
	f.want(g, "unassigned", "")
	first, second := f.publish(sites), f.publish(sites+mail)
	f.run("rollout " + first + " --rings ring")

	server.stop()
	stopped := time.Now()
	t.Cleanup(func() {
		if t.Failed() {
			_ = server.start()
		}
	})
	status := make(chan error)
	go func() { // it waits for an answer for some time
		_, err := f.try("status")
		status <- err
	}()
	g.has(sites)
	contact := g.metric("eroute_fleet_store_contact_timestamp_seconds")
	if contact == "" || strings.HasSuffix(contact, " 0") {
		t.Errorf("metric %q", contact)
	}

	g.stop(syscall.SIGTERM)
	g.follow()
	g.ipsec("eroute --clear")
	if stats := g.ipsec("eroute --stats"); !strings.Contains(stats, "eroutes      1\nfollowed     1\n") {
		t.Errorf("after a boot, with a policy that is followed:\n%s", stats)
	}
	g.start()
	eventually(t, func() bool {
		return strings.Contains(g.log.String(), "the table was empty: restored the confirmed revision")
	},
		func() string { return g.log.String() })
	g.has(sites)
	g.is(first)
	if m := g.metric("eroute_fleet_store_contact_timestamp_seconds"); !strings.HasSuffix(m, " 0") {
		t.Errorf("metric %q after %v without the store", m, time.Since(stopped))
	}

	if err := <-status; err == nil || !strings.Contains(err.Error(), "the store does not answer") {
		t.Errorf("status: %v", err)
	}
	if err := server.start(); err != nil {
		t.Fatal(err)
	}
	f.run("rollout " + second + " --rings ring")
	g.has(sites + mail)
}

// A gateway that is cut off misses a rollout, which says so, and the versions that its watch needs are compacted. When
// it is back it gets the revision.
func TestLate(t *testing.T) {
	f := newFleet(t)
	g := f.local("gw", "ring", nodes.East, "")
	f.want(g, "unassigned", "")
	first, second := f.publish(sites), f.publish(sites+mail)
	f.run("rollout " + first + " --rings ring")

	g.proxy.setCut(true)
	f.refused("rollout "+second+" --rings ring --wait 1", "stopped in ring ring: gateway gw: not confirmed within 1s: confirmed")
	g.has(sites)
	compact(t)
	g.proxy.setCut(false)
	f.want(g, "confirmed", "")
	eventually(t, func() bool { return f.status("gw").Confirmed == second }, g.log.String)
	g.has(sites + mail)
	compacted := func() int { return strings.Count(g.log.String(), "compacted") }
	if compacted() != 1 {
		t.Errorf("the watch was not compacted:\n%s", g.log)
	}

	// One that is not there at all is offline.
	g.stop(syscall.SIGTERM)
	f.refused("rollout "+first+" --rings ring --wait 1", "stopped in ring ring: gateway gw: offline for 1s")
	compact(t) // the assignment of the ring is older than the oldest version
	g.start()
	eventually(t, func() bool { return f.status("gw").Confirmed == first }, g.log.String)
	g.has(sites)
	if out := f.run("gateways"); !strings.Contains(out, "gw       ring  yes") {
		t.Errorf("%s", out)
	}

	// In another ring, which has serial numbers of its own. It has the table already.
	g.stop(syscall.SIGTERM)
	g.f.write(g.config, strings.Replace(g.settings, `ring = "ring"`, `ring = "other"`, 1))
	g.start()
	eventually(t, func() bool { return f.status("gw").Ring == "other" }, g.log.String)
	f.run("rollout " + first + " --rings other")
	f.refused("rollout "+second+" --rings ring", "ring ring: no gateway is registered in it")
	if compacted() != 1 {
		t.Errorf("a new watch was compacted:\n%s", g.log)
	}

	f.run("gateways --remove gw")
	f.refused("gateways --remove gw", `gateway "gw": not found`)
}

// compact removes all versions of the store except the present one.
func compact(t *testing.T) {
	t.Helper()
	now, err := server.root.Get(t.Context(), "/")
	if err == nil {
		_, err = server.root.Compact(t.Context(), now.Header.Revision)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A revision that cuts the gateway off from the store is taken back, without the store.
func TestStoreCutOff(t *testing.T) {
	f := newFleet(t)
	address := nodes.West.WAN4.String() + ":2379"
	g := f.gateway("gw", "ring", nodes.East, nodes.West, address, "")
	first := "--add --src 0.0.0.0/0 --dst " + nodes.West.WAN4.String() + "/32 --said %pass\n"
	g.ipsec("tncfg --attach --virtual ipsec0 --physical " + lab.WAN + " --unmatched drop")
	t.Cleanup(func() { g.ipsec("tncfg --detach --virtual ipsec0") })
	// Attached with an empty table and --unmatched drop the gateway would not reach the store.
	g.ipsec("eroute --restore " + f.write("first", first))
	g.start()
	f.want(g, "unassigned", "")
	f.run("rollout " + f.publish(first+sites) + " --rings ring")

	g.impatient()
	bad := f.publish(sites)
	_, err := f.try("rollout " + bad + " --rings ring")
	if err == nil || !strings.Contains(err.Error(), "gateway gw: rolled back: health not good within 2s: the store does not answer") {
		t.Error(err)
	}
	g.has(first + sites)
}

// An agent that is killed while a revision is not confirmed goes back when it starts, without the store, and does not
// try the revision again.
func TestKilled(t *testing.T) {
	f := newFleet(t)
	flag := f.write("healthy", "")
	g := f.local("gw", "ring", nodes.East, "health_command = ['test', '-e', '"+flag+"']\n")
	f.want(g, "unassigned", "")
	f.run("rollout " + f.publish(sites) + " --rings ring")
	f.run("rollout " + f.publish(sites) + " --rings ring") // nothing to do: confirmed at once

	f.write(flag+".gone", "")
	rename(t, flag, flag+".gone")
	second := f.publish(sites + mail)
	f.refused("rollout "+second+" --rings ring --wait 1", "gateway gw: not confirmed within 1s: ")
	g.gets(sites + mail)
	g.stop(syscall.SIGKILL)
	g.has(sites + mail)
	g.proxy.setCut(true)
	g.start()
	eventually(t, func() bool {
		return strings.Contains(g.log.String(), "the agent ended before the revision was confirmed")
	}, g.log.String)
	g.has(sites)
	rename(t, flag+".gone", flag)
	g.proxy.setCut(false)
	f.want(g, "rolled back", "the agent ended before the revision was confirmed")
	g.has(sites)
	f.run("rollout " + second + " --rings ring") // deliberately again
	g.has(sites + mail)
}

// A confirmed table that is damaged on disk is not restored, but fetched again from the store, and meanwhile the gateway
// is not shown as confirmed. An agent whose record is damaged does not start, and leaves the table alone.
func TestDamaged(t *testing.T) {
	f := newFleet(t)
	g := f.local("gw", "ring", nodes.East, "")
	f.want(g, "unassigned", "")
	table := sites + guest
	first := f.publish(table)
	f.run("rollout " + first + " --rings ring")
	g.stop(syscall.SIGTERM)
	state := filepath.Join(f.dir, "gw")
	f.write(filepath.Join(state, digest(table)+".table"), sites)
	g.ipsec("eroute --clear")
	revision := f.prefix + "/v1/rev/" + first
	signed, err := server.root.Get(t.Context(), revision)
	if err == nil {
		_, err = server.root.Delete(t.Context(), revision)
	}
	if err != nil {
		t.Fatal(err)
	}
	g.start()
	f.want(g, "refused", "revision "+first[:12]+": not found")
	if !strings.Contains(g.log.String(), digest(table)+".table: damaged") {
		t.Errorf("%s", g.log)
	}
	g.has("")
	if _, err := server.root.Put(t.Context(), revision, string(signed.Kvs[0].Value)); err != nil {
		t.Fatal(err)
	}
	g.stop(syscall.SIGTERM)
	g.start()
	f.want(g, "confirmed", "")
	g.has(table)

	g.stop(syscall.SIGTERM)
	f.write(filepath.Join(state, "state.json"), `{"ring": "ring", "ser`)
	out, err := g.node.Command(background, testenv.Fleet(t), "agent", "--config", g.config).CombinedOutput()
	if want := filepath.Join(state, "state.json") + ": unexpected end of JSON input\n"; err == nil || !strings.HasSuffix(string(out), want) {
		t.Errorf("%v, %q, want %q", err, out, want)
	}
	g.has(table)
}

// digest is part of the name of a table on disk.
func digest(table string) string {
	sum := sha256.Sum256([]byte(table))
	return hex.EncodeToString(sum[:])
}

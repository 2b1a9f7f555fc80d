// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// finding is one of "ipsec doctor --json".
type finding struct{ Check, Level, Subject, Text, Cost, Remedy string }

// doctor runs "ipsec doctor" on East, checks that it changes nothing, and returns its findings without those
// about the kernel, which differ between hosts.
func (g *gateway) doctor(t *testing.T, path string) (all []finding) {
	t.Helper()
	before := g.traces(t)
	cmd := g.East.Command(t.Context(), path, "doctor", "--json")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	g.unchanged(t, before)
	var document struct {
		Version  int
		Findings []finding
	}
	if err := json.Unmarshal(out, &document); err != nil || document.Version != 1 {
		t.Fatalf("%v: %s, %s", err, out, errs.String())
	}
	problem := false
	for _, f := range document.Findings {
		problem = problem || f.Level == "problem"
		if f.Check != "kernel" {
			all = append(all, f)
		}
	}
	exit, _ := errors.AsType[*exec.ExitError](err)
	if problem != (exit != nil && exit.ExitCode() == 1) || problem != (errs.Len() > 0) {
		t.Errorf("problem: %v, but %v, %q", problem, err, errs.String())
	}
	return all
}

// found checks that these are all findings that are not ok, each given as level, check and part of its text.
func found(t *testing.T, all []finding, wants ...[3]string) {
	t.Helper()
	for _, f := range all {
		if f.Level == "ok" {
			continue
		}
		known := false
		for i, w := range wants {
			if w[0] == f.Level && w[1] == f.Check && strings.Contains(f.Text, w[2]) {
				wants, known = slices.Delete(wants, i, i+1), true
				break
			}
		}
		if !known {
			t.Errorf("unexpected: %+v", f)
		}
	}
	for _, w := range wants {
		t.Errorf("not found: %v", w)
	}
}

func (g *gateway) ip(t *testing.T, args string) {
	t.Helper()
	if _, err := g.East.IP(t.Context(), strings.Fields(args)...); err != nil {
		t.Fatal(err)
	}
}

func (g *gateway) sysctl(t *testing.T, name, value string) {
	t.Helper()
	if err := g.East.Sysctl(name, value); err != nil {
		t.Fatal(err)
	}
}

// healthy is a gateway without problems.
func healthy(t *testing.T) *gateway {
	t.Helper()
	g := newDetached(t)
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	g.route(t)
	for _, p := range []string{lab.WestLAN4.String(), lab.WestLAN6.String()} {
		g.ip(t, "route add blackhole "+p+" metric 101")
	}
	g.syncRoutes(t)
	return g
}

// syncRoutes synchronises routes like "ipsec eroute --sync".
func (g *gateway) syncRoutes(t *testing.T) {
	t.Helper()
	if err := g.write(device.SyncRoutes); err != nil {
		t.Fatal(err)
	}
}

// Findings on a healthy gateway, and after breaking one thing after the other. Each remedy repairs its
// problem.
func TestDoctor(t *testing.T) {
	path := testenv.Ipsec(t)
	g := healthy(t)
	found(t, g.doctor(t, path))

	g.ip(t, "route del blackhole "+lab.WestLAN4.String())
	leak := [3]string{"problem", "leak", "without ipsec0, packets to 192.0.1.0/24 would leave through wan by the route to 192.0.1.0/24"}
	all := g.doctor(t, path)
	found(t, all, leak, [3]string{"problem", "pass", "IPv4 routes through wan have changed"})
	for _, f := range all {
		if f.Check == "leak" {
			g.ip(t, strings.TrimPrefix(f.Remedy, "ip "))
		}
	}
	found(t, g.doctor(t, path))

	g.sysctl(t, "net.ipv4.conf.lan.forwarding", "0")
	found(t, g.doctor(t, path), [3]string{"problem", "forwarding", "net.ipv4.conf.lan.forwarding is 0"})
	g.sysctl(t, "net.ipv4.ip_forward", "0")
	g.sysctl(t, "net.ipv6.conf.all.forwarding", "0")
	found(t, g.doctor(t, path),
		[3]string{"problem", "forwarding", "net.ipv4.ip_forward is 0"}, [3]string{"problem", "forwarding", "net.ipv6.conf.all.forwarding is 0"},
		[3]string{"problem", "settings", "net.ipv4.conf.ipsec0.forwarding is 0, not 1"}, [3]string{"problem", "settings", "net.ipv6.conf.ipsec0.forwarding is 0, not 1"})
	g.sysctl(t, "net.ipv4.ip_forward", "1")
	g.sysctl(t, "net.ipv6.conf.all.forwarding", "1")

	// A key manager's own routes take precedence over those into the ipsec device.
	g.ip(t, "route add 192.0.1.0/24 via 192.1.2.45 dev wan table 220")
	g.ip(t, "rule add pref 220 table 220")
	found(t, g.doctor(t, path), [3]string{"problem", "route", "192.0.1.0/24 leave through wan by a route of table 220, not through ipsec0"})
	g.ip(t, "rule del pref 220")
	g.ip(t, "route flush table 220")
}

// Remains of a killed command, eroutes without SAs, and devices set down by other programs.
func TestDoctorTable(t *testing.T) {
	path := testenv.Ipsec(t)
	g := healthy(t)
	g.only(t, from(lab.EastLAN4, lab.WestLAN4, eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: lab.WAN4.Addr()}))
	missing := [3]string{"problem", "sa", "tun0x135@192.1.2.0 does not exist"}
	found(t, g.doctor(t, path), missing)

	err := g.write(func(table *maps.Table) error {
		var meta bpf.ABITableMeta
		if err := table.Map("eroute_meta").Lookup(uint32(0), &meta); err != nil {
			return err
		}
		meta.Writing = 1
		return table.Map("eroute_meta").Put(uint32(0), meta)
	})
	if err != nil {
		t.Fatal(err)
	}
	found(t, g.doctor(t, path), missing, [3]string{"problem", "table", "killed"})
	g.only(t)
	found(t, g.doctor(t, path))

	g.ip(t, "link set ipsec0 down")
	found(t, g.doctor(t, path), [3]string{"problem", "device", "ipsec0 is down"}, [3]string{"problem", "route", "no route leads into ipsec0"})
	g.ip(t, "link del ipsec0")
	found(t, g.doctor(t, path), [3]string{"problem", "device", "ipsec0 was deleted"})
}

// A foreign XDP program is named.
func TestDoctorXDP(t *testing.T) {
	g := newDetached(t)
	occupyXDP(t, g.East, lab.LAN)
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	g.route(t)
	for _, p := range []string{lab.WestLAN4.String(), lab.WestLAN6.String()} {
		g.ip(t, "route add blackhole "+p+" metric 101")
	}
	g.syncRoutes(t)
	found(t, g.doctor(t, testenv.Ipsec(t)), [3]string{"note", "xdp", "lan has another XDP program: " + foreignXDP + " (id "})
}

// The XDP program of an interface that is part of a bridge leaves all frames to TC.
func TestDoctorBridge(t *testing.T) {
	path := testenv.Ipsec(t)
	g := healthy(t)
	g.ip(t, "link add br0 type bridge")
	g.ip(t, "link set lan master br0")
	found(t, g.doctor(t, path), [3]string{"note", "xdp", "the XDP program of lan leaves all frames to TC: it is part of br0"})
	g.ip(t, "link set lan nomaster")
	found(t, g.doctor(t, path))
}

// With a strict reverse path filter, answers to packets of %pass are really lost, and with the doctor's
// remedy they arrive.
func TestDoctorReversePath(t *testing.T) {
	path := testenv.Ipsec(t)
	g := healthy(t)
	g.only(t, all(eroute.Pass)...)
	answers := func(want int) {
		t.Helper()
		ping := lab.Ping{Dst: g.WestHost.LAN4, Count: 2, Wait: 5 * time.Second}
		if want == 0 {
			ping.Wait = 300 * time.Millisecond
		}
		r, err := g.EastHost.Ping(within(t, patience), ping)
		if err != nil || r.Received != want {
			t.Errorf("ping: %+v, %v, want %d answers", r, err, want)
		}
	}
	answers(2)
	found(t, g.doctor(t, path))
	g.sysctl(t, "net.ipv4.conf.wan.rp_filter", "1")
	answers(0)
	found(t, g.doctor(t, path), [3]string{"problem", "rp-filter", "rp_filter of wan is strict"})
	g.sysctl(t, "net.ipv4.conf.wan.rp_filter", "2")
	answers(2)
	found(t, g.doctor(t, path))
}

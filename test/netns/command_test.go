// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// command runs the ipsec command on East, under "ip netns exec".
func (g *gateway) command(t *testing.T, path, args string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := g.East.Command(t.Context(), path, strings.Fields(args)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// Under "ip netns exec", which gives each command its own /sys, the table and the device made by one command
// are visible to the next, and in no other namespace.
func TestCommandsUnderNetnsExec(t *testing.T) {
	path := testenv.Ipsec(t)
	g, other := &gateway{Lab: newLab(t), mode: "egress"}, &gateway{Lab: newLab(t), mode: "egress"}
	run := func(g *gateway, args, want string) {
		t.Helper()
		stdout, stderr, err := g.command(t, path, args)
		if err != nil || stdout != want {
			t.Errorf("ipsec %s: %q, %q, %v, want %q", args, stdout, stderr, err, want)
		}
	}
	t.Cleanup(func() { g.remove(t) })
	run(g, "eroute --add --eraf inet --src 192.0.2.0/24 --dst 192.0.1.0/24 --said %pass", "")
	run(g, "eroute", "0          192.0.2.0/24       -> 192.0.1.0/24       => %pass\n")
	run(g, "tncfg --attach --virtual ipsec0 --physical wan --ingress lan", "")
	if err := g.East.Route(lab.WestLAN4, ipsec0); err != nil {
		t.Fatal(err)
	}
	if r, err := g.EastHost.Ping(t.Context(), lab.Ping{Dst: g.WestHost.LAN4, Count: 8}); err != nil || r.Received != 8 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	run(g, "eroute", "8          192.0.2.0/24       -> 192.0.1.0/24       => %pass\n")
	run(g, "eroute --lookup --src 192.0.2.1 --dst 192.0.1.1", "8          192.0.2.0/24       -> 192.0.1.0/24       => %pass\n")
	run(g, "eroute --replace --eraf inet --src 192.0.2.0/24 --dst 192.0.1.0/24 --said %drop", "")
	if r, err := g.EastHost.Ping(t.Context(), lab.Ping{Dst: g.WestHost.LAN4, Count: 3, Wait: 50 * time.Millisecond}); err != nil || r.Received != 0 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	run(g, "eroute", "3          192.0.2.0/24       -> 192.0.1.0/24       => %drop\n")

	run(other, "eroute --add --eraf inet6 --src ::/0 --dst ::/0 --said %hold", "")
	t.Cleanup(func() { other.remove(t) })
	run(other, "eroute", "0          ::/0               -> ::/0               => %hold\n")
	run(other, "eroute --clear", "")
	run(other, "eroute", "")

	run(g, "tncfg --detach --virtual ipsec0", "")
	run(g, "eroute", "3          192.0.2.0/24       -> 192.0.1.0/24       => %drop\n")
	run(g, "eroute --clear", "")
	run(g, "eroute", "")
}

// A command that is killed leaves each eroute either unchanged or changed, and a table that the next command
// can change.
func TestKilled(t *testing.T) {
	const changes, kills = 4000, 8
	path := testenv.Ipsec(t)
	g := &gateway{Lab: newLab(t), mode: "egress"}
	nth := func(n int) eroute.Selector {
		return eroute.Selector{Src: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 0}), 24), Dst: all4}
	}
	batch := func(option, said string) string {
		var text strings.Builder
		for n := range changes {
			fmt.Fprintf(&text, "--%s --src %s --dst 0/0 %s\n", option, nth(n).Src, said)
		}
		file := filepath.Join(t.TempDir(), "batch")
		if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return "eroute --batch " + file
	}
	files := []string{batch("replace", "--said tun0x135@192.1.2.45"), batch("replace", "--said %drop"), "eroute --clear"}
	if err := g.apply(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.remove(t) })
	for i := range kills {
		ctx, cancel := context.WithCancel(t.Context())
		cmd := g.East.Command(ctx, path, strings.Fields(files[i%len(files)])...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		err := cmd.Wait()
		cancel()

		listed := g.listed(t)
		for _, e := range listed {
			if s := e.SAID.String(); s != "%drop" && s != "tun0x135@192.1.2.45" {
				t.Errorf("eroute %v is neither the old nor the new one", e)
			}
		}
		s := eroute.Selector{Src: all4, Dst: all4}
		if err := g.apply(eroute.Change{Op: eroute.OpReplace, Selector: s, SAID: eroute.Pass}, eroute.Change{Op: eroute.OpDel, Selector: s}); err != nil {
			t.Fatal(err)
		}
		var stats maps.Stats
		g.read(t, func(table *maps.Table) (err error) {
			stats, err = table.Stats()
			return err
		})
		if got := len(g.listed(t)); int(stats.Eroutes) != got || got != len(listed) {
			t.Errorf("kill %d: %d eroutes counted, %d listed, %d before the next command", i, stats.Eroutes, got, len(listed))
		}
		t.Logf("kill %d (%v): %d eroutes", i, err, len(listed))
	}
}

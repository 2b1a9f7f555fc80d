// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

func namespaces(t *testing.T, l *lab.Lab) []string {
	t.Helper()
	names, err := filepath.Glob("/run/netns/" + l.Name + "-*")
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A lab has four namespaces while it exists and none afterwards.
func TestCloseLeavesNothing(t *testing.T) {
	l, err := lab.New("labtest")
	if err != nil {
		t.Fatal(err)
	}
	if got := namespaces(t, l); len(got) != 4 {
		t.Errorf("namespaces %q, want 4", got)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := namespaces(t, l); len(got) != 0 {
		t.Errorf("namespaces %q left after Close", got)
	}
	if err := l.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

// Two labs exist at the same time, each with its own traffic.
func TestTwoLabs(t *testing.T) {
	a, b := newLab(t), newLab(t)
	stop := startCapture(t, b.West, lab.WAN)
	r, err := a.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: a.WestHost.LAN4})
	if err != nil || r.Received != 1 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	if n := stop().Count(lab.Match{Proto: layers.IPProtocolICMPv4}); n != 0 {
		t.Errorf("%d pings in the other lab", n)
	}
}

// Do switches the thread into the namespace and back, nested or not.
func TestDo(t *testing.T) {
	l := newLab(t)
	devices := func() []string {
		t.Helper()
		all, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, i := range all {
			names = append(names, i.Name)
		}
		slices.Sort(names)
		return names
	}
	check := func(where string, got []string, want ...string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("devices %q %s, want %q", got, where, want)
		}
	}
	before := devices()
	failure := errors.New("failure")
	err := l.East.Do(func() error {
		check("on the gateway", devices(), "lan", "lo", "wan")
		err := l.EastHost.Do(func() error { check("on the host", devices(), "eth0", "lo"); return nil })
		check("back on the gateway", devices(), "lan", "lo", "wan")
		return errors.Join(err, failure)
	})
	if !errors.Is(err, failure) {
		t.Errorf("error %v, want that of the function", err)
	}
	check("afterwards", devices(), before...)
}

// A command sees the namespace's own devices, also in /sys, and its settings.
func TestCommand(t *testing.T) {
	l := newLab(t)
	out, err := l.East.Command(t.Context(), "ls", "/sys/class/net").Output()
	if err != nil || string(out) != "lan\nlo\nwan\n" {
		t.Errorf("/sys/class/net: %q, %v", out, err)
	}
	if err := l.East.Sysctl("net.ipv4.ip_default_ttl", "77"); err != nil {
		t.Fatal(err)
	}
	out, err = l.East.Command(t.Context(), "cat", "/proc/sys/net/ipv4/ip_default_ttl").Output()
	if err != nil || string(bytes.TrimSpace(out)) != "77" {
		t.Errorf("setting: %q, %v", out, err)
	}
	if _, err := l.East.IP(t.Context(), "link", "show", "absent"); err == nil || !strings.Contains(err.Error(), "absent") {
		t.Errorf("ip on an absent device: %v", err)
	}
}

// Devices inherit the defaults of Debian: loose reverse path filters, forwarding on gateways only.
func TestSettings(t *testing.T) {
	l := newLab(t)
	read := func(n *lab.Node, name string) (value string) {
		if err := n.Do(func() error {
			b, err := os.ReadFile("/proc/sys/net/" + name)
			value = strings.TrimSpace(string(b))
			return err
		}); err != nil {
			t.Error(err)
		}
		return value
	}
	for _, c := range []struct {
		node       *lab.Node
		name, want string
	}{
		{l.East, "ipv4/conf/wan/rp_filter", "2"}, {l.East, "ipv4/conf/all/rp_filter", "0"},
		{l.West, "ipv4/conf/lan/forwarding", "1"}, {l.West, "ipv6/conf/lan/forwarding", "1"},
		{l.EastHost, "ipv4/conf/eth0/forwarding", "0"}, {l.EastHost, "ipv6/conf/eth0/forwarding", "0"},
	} {
		if got := read(c.node, c.name); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.name, c.node.Name, got, c.want)
		}
	}
}

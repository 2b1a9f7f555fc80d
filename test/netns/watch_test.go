// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// watchWire captures East's wan. The returned function ends the capture and checks the number of packets that
// have left for the remote LAN, of either family.
func (g *gateway) watchWire(t *testing.T) func(want int) lab.Frames {
	t.Helper()
	stop := g.captureWAN(t)
	return func(want int) lab.Frames {
		t.Helper()
		frames := stop()
		left := append(frames.Select(lab.Match{Outgoing: true, Dst: lab.WestLAN4}), frames.Select(lab.Match{Outgoing: true, Dst: lab.WestLAN6})...)
		if len(left) != want {
			t.Errorf("%d packets left, want %d", len(left), want)
		}
		return left
	}
}

// watchICMP collects the errors that a node receives. The returned function waits for that many, and briefly
// for a further one.
func watchICMP(t *testing.T, n *lab.Node) func(want int) []lab.ICMPError {
	t.Helper()
	w, err := n.WatchICMP(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(want int) []lab.ICMPError {
		t.Helper()
		if _, err := w.Wait(within(t, patience), want); err != nil {
			t.Error(err)
		}
		got, err := w.Stop()
		if err != nil || len(got) != want {
			t.Errorf("%d ICMP errors, %v, want %d: %+v", len(got), err, want, got)
		}
		return got
	}
}

// forwarded is the number of packets of a family that East's stack has forwarded (ipForwDatagrams and
// ip6OutForwDatagrams of /proc/net, RFC 4293).
func (g *gateway) forwarded(t *testing.T, f family) (n int) {
	t.Helper()
	err := g.East.Do(func() error {
		if f.name == "v6" {
			text, err := os.ReadFile("/proc/thread-self/net/snmp6")
			if err != nil {
				return err
			}
			fields := strings.Fields(string(text))
			n, err = strconv.Atoi(fields[slices.Index(fields, "Ip6OutForwDatagrams")+1])
			return err
		}
		text, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		lines := strings.SplitN(string(text), "\n", 3)
		names, values := strings.Fields(lines[0]), strings.Fields(lines[1])
		n, err = strconv.Atoi(values[slices.Index(names, "ForwDatagrams")])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// captureWAN captures East's wan until the returned function is called.
func (g *gateway) captureWAN(t *testing.T) func() lab.Frames {
	t.Helper()
	c, err := g.East.Capture(lab.WAN)
	if err != nil {
		t.Fatal(err)
	}
	return func() lab.Frames {
		t.Helper()
		frames, err := c.Stop()
		if err != nil {
			t.Error(err)
		}
		return frames
	}
}

// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// A ping is held and answered once the hold is replaced.
func TestReleasePing(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		trap := from(f.eastNet, f.westNet, eroute.Trap)
		trap.Selector.Proto = icmp(f)
		g.only(t, trap)
		r := g.startRelay(t)
		answered := make(chan error, 1)
		go func() {
			res, err := g.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Src: f.eastHost, Dst: f.westHost, Count: 1, Wait: 15 * time.Second})
			if err == nil && res.Received != 1 {
				err = lab.ErrNoAnswer
			}
			answered <- err
		}()
		g.replaceHold(t, r, 1, trap.Selector)
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}

// The first SYN of a connection is held; when released, it opens the connection without a retransmission. On
// a slow machine TCP may retransmit earlier: the test then tries again.
func TestReleaseConnection(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		server := netip.AddrPortFrom(f.westHost, 80)
		listener, err := g.WestHost.ListenTCP(within(t, time.Minute), server)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		trap := from(f.eastNet, f.westNet, eroute.Trap)
		trap.Selector.Proto, trap.Selector.DstPort = 6, 80
		g.only(t, trap)
		r := g.startRelay(t)
		for round := 1; ; round++ {
			before := repeated(t, g.EastHost)
			connected := make(chan error, 1)
			go func() { connected <- g.EastHost.ConnectTCP(within(t, 20*time.Second), netip.AddrPort{}, server) }()
			flow := g.replaceHold(t, r, round, trap.Selector)
			if err := <-connected; err != nil {
				t.Fatal(err)
			}
			if repeated(t, g.EastHost) == before {
				return
			}
			if round == 5 {
				t.Fatal("in five rounds a SYN was repeated")
			}
			if err := g.apply(eroute.Change{Op: eroute.OpDel, Selector: flow}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// replaceHold waits for the nth hold of a trap between hosts, and replaces it by %pass.
func (g *gateway) replaceHold(t *testing.T, r *relay, n int, trap eroute.Selector) eroute.Selector {
	t.Helper()
	flow := r.waitFor(t, "hold", n)[n-1].Flow
	hold := eroute.Selector{
		Src: netip.MustParsePrefix(flow.Src), Dst: netip.MustParsePrefix(flow.Dst),
		Proto: uint8(flow.Proto), SrcPort: uint16(flow.SrcPort), DstPort: uint16(flow.DstPort),
	}
	if hold.Proto != trap.Proto || hold.DstPort != trap.DstPort || hold.SrcPort != 0 || !hold.Src.IsSingleIP() || !hold.Dst.IsSingleIP() {
		t.Errorf("hold %v of trap %v", hold, trap)
	}
	if err := g.apply(eroute.Change{Op: eroute.OpReplace, Selector: hold, SAID: eroute.Pass}); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, "release", n)
	return hold
}

func icmp(f family) uint8 {
	if f.eastHost.Is6() {
		return 58
	}
	return 1
}

// repeated returns the number of TCP segments a node has retransmitted.
func repeated(t *testing.T, n *lab.Node) (count int) {
	t.Helper()
	err := n.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		var names []string
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if fields[0] != "Tcp:" {
				continue
			}
			for i, name := range names {
				if name == "RetransSegs" {
					count, err = strconv.Atoi(fields[i])
					return err
				}
			}
			names = fields
		}
		return fmt.Errorf("RetransSegs is missing")
	})
	if err != nil {
		t.Fatal(err)
	}
	return count
}

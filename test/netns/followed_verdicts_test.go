// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// verdict is what the kernel does with a packet of a socket.
type verdict string

const (
	isInClear   verdict = "sent in clear"
	isBlocked   verdict = "blocked"
	isProtected verdict = "protected" // there is no SA: it drops
)

// With any policies of XFRM, an interface that follows them sends the same packets in clear, blocks the same and protects
// the same as without ipsec. Packets that are protected have an eroute, unless the policy is named.
func TestFollowedVerdicts(t *testing.T) {
	g := newDetached(t)
	random := testenv.Rand(t)
	sources, destinations := []string{"10.0.0.1", "10.1.1.1", "10.2.0.1"}, []string{"10.3.0.9", "10.2.1.9", "10.0.1.9", "10.1.0.9"}
	for _, source := range sources {
		g.ip(t, "addr add "+source+"/32 dev lo")
	}
	g.ip(t, "route add 10.0.0.0/8 via "+g.West.WAN4.String()+" dev wan")
	g.ip(t, "neigh replace "+g.West.WAN4.String()+" lladdr 02:00:00:00:00:01 dev wan nud permanent") // it does not know the sources
	var packets []eroute.Packet
	for _, src := range sources {
		for _, dst := range destinations {
			for _, port := range []uint16{25, 80} {
				packets = append(packets, eroute.Packet{
					Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst), Proto: unix.IPPROTO_UDP, SrcPort: 4000, DstPort: port,
				})
			}
		}
	}
	var databases [][]string
	for range 40 {
		databases = append(databases, randomDatabase(random))
	}

	var before [][]verdict
	for i, lines := range databases {
		g.install(t, lines)
		before = append(before, g.verdicts(t, fmt.Sprint("before ", i), packets))
	}
	err := g.write(func(table *maps.Table) error {
		_, err := device.Attach(context.Background(), table, device.Config{Virtual: "ipsec0", Physical: lab.WAN, Follow: true})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[verdict]int{}
	for i, lines := range databases {
		g.install(t, lines)
		var followed maps.Followed
		err := g.write(func(table *maps.Table) (err error) {
			followed, err = table.FollowPolicies(context.Background())
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		after := g.verdicts(t, fmt.Sprint("after ", i), packets)
		g.read(t, func(table *maps.Table) error {
			for n, p := range packets {
				e, found, err := table.Lookup(p)
				if err != nil {
					return err
				}
				seen[after[n]]++
				switch {
				case after[n] != before[i][n]:
					t.Errorf("%+v: %s, without ipsec %s", p, after[n], before[i][n])
				case found && after[n] == isInClear:
					t.Errorf("%+v: sent in clear, eroute %v", p, e)
				case !found && after[n] == isProtected && len(followed.Left) == 0:
					t.Errorf("%+v: protected, but has no eroute", p)
				case found && after[n] == isProtected:
					seen["with an eroute"]++
				}
			}
			return nil
		})
		if t.Failed() {
			t.Fatalf("policies:\n%s\nnot followed: %v", strings.Join(lines, "\n"), followed.Left)
		}
	}
	for _, v := range []verdict{isInClear, isBlocked, isProtected, "with an eroute"} {
		if seen[v] == 0 {
			t.Errorf("no packet is %s: %v", v, seen)
		}
	}
	t.Log(seen)
}

// randomDatabase returns ip(8) commands that add policies which often overlap.
func randomDatabase(r *rand.Rand) (lines []string) {
	prefix := func() netip.Prefix {
		addr := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(2)), 0})
		p, _ := addr.Prefix([]int{0, 8, 14, 16, 23, 24}[r.IntN(6)])
		return p
	}
	const (
		tunnel   = "tmpl src 192.1.2.23 dst 192.1.2.45 proto esp reqid 1 mode tunnel"
		optional = "tmpl proto esp reqid 1 mode transport level use"
	)
	known := map[string]bool{}
	for range 1 + r.IntN(6) {
		selector := fmt.Sprintf("src %s dst %s", prefix(), prefix())
		if r.IntN(3) == 0 {
			selector += " proto udp"
			if r.IntN(2) == 0 {
				selector += " dport 25"
			}
		}
		if known[selector] {
			continue
		}
		known[selector] = true
		kind := []string{"", "", "action block", tunnel, tunnel, tunnel, optional}[r.IntN(7)]
		lines = append(lines, fmt.Sprintf("xfrm policy add %s dir out priority %d %s", selector, r.IntN(4), kind))
	}
	return lines
}

// install replaces the policies.
func (g *gateway) install(t *testing.T, lines []string) {
	t.Helper()
	if err := g.East.Batch(t.Context(), append([]string{"xfrm policy flush", "xfrm state flush"}, lines...)...); err != nil {
		t.Fatal(err)
	}
}

// verdicts sends packets, and returns what has become of each. Their contents begin with a label.
func (g *gateway) verdicts(t *testing.T, label string, packets []eroute.Packet) []verdict {
	t.Helper()
	capture, err := g.East.Capture(lab.WAN)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]verdict, len(packets))
	content := func(i int) []byte { return fmt.Appendf(nil, "%s, packet %d.", label, i) }
	for i, p := range packets {
		before := g.xfrmCounters(t)
		s := lab.Sender{Node: g.East, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(p.Src, p.SrcPort)}
		if err := s.Send(netip.AddrPortFrom(p.Dst, p.DstPort), content(i)); err != nil && !errors.Is(err, unix.EPERM) { // blocked
			t.Fatal(err)
		}
		switch after := g.xfrmCounters(t); {
		case after["XfrmOutPolBlock"] > before["XfrmOutPolBlock"]:
			all[i] = isBlocked
		case after["XfrmOutNoStates"] > before["XfrmOutNoStates"]:
			all[i] = isProtected
		}
	}
	time.Sleep(20 * time.Millisecond)
	frames, err := capture.Stop()
	if err != nil {
		t.Fatal(err)
	}
	for i := range packets {
		switch n := frames.Containing(content(i)); {
		case n == 1 && all[i] == "":
			all[i] = isInClear
		case n > 0:
			t.Errorf("%+v: %d frames, %s", packets[i], n, all[i])
		case all[i] == "":
			all[i] = "lost"
		}
	}
	return all
}

func (g *gateway) xfrmCounters(t *testing.T) (counters map[string]uint64) {
	t.Helper()
	err := g.East.Do(func() (err error) {
		counters, err = xfrm.Counters()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return counters
}

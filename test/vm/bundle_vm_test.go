// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// bundle are SAs from one gateway to the other that process a packet one after the other. The first is in tunnel mode.
type bundle []*lab.SA

// bundleCase is a bundle, and the network that it connects.
type bundleCase struct {
	name       string
	protos     []string
	mode       string     // of the SAs after the first
	src, dst   netip.Addr // outer addresses
	east, west netip.Prefix
	to         func(*lab.Node) netip.Addr // in east or west
}

func bundleCases(b bench) []bundleCase {
	v4 := bundleCase{
		src: b.East.WAN4, dst: b.West.WAN4, east: lab.EastLAN4, west: lab.WestLAN4, to: func(n *lab.Node) netip.Addr { return n.LAN4 },
	}
	v6 := bundleCase{
		src: b.East.WAN6, dst: b.West.WAN6, east: lab.EastLAN6, west: lab.WestLAN6, to: func(n *lab.Node) netip.Addr { return n.LAN6 },
	}
	var all []bundleCase
	for _, of := range []struct {
		protos   []string
		families []bundleCase
	}{
		{[]string{lab.ESP, lab.AH}, []bundleCase{v4, v6}},
		{[]string{lab.COMP, lab.ESP}, []bundleCase{v4, v6}},
		{[]string{lab.COMP, lab.AH}, []bundleCase{v4}},
		{[]string{lab.COMP, lab.ESP, lab.AH}, []bundleCase{v6}},
	} {
		for _, c := range of.families {
			family := 4
			if c.src.Is6() {
				family = 6
			}
			c.name, c.protos, c.mode = fmt.Sprintf("%s v%d", strings.Join(of.protos, "+"), family), of.protos, lab.TransportMode
			all = append(all, c)
		}
	}
	twice := v4
	twice.name, twice.protos, twice.mode = "comp+esp v4, both in tunnel mode", []string{lab.COMP, lab.ESP}, lab.TunnelMode
	return append(all, twice)
}

// loses reports whether the gateway with the ipsec device loses packets from the bundle that IPComp did not make smaller:
// for the kernel they are IP in IP in an SA in transport mode, see [TestTransport].
func (c bundleCase) loses() bool {
	return c.src.Is4() && c.mode == lab.TransportMode && c.protos[0] == lab.COMP
}

// installBundle installs a bundle from East to West, or back, until the test ends.
func (b bench) installBundle(t *testing.T, c bundleCase, back bool) (all bundle) {
	t.Helper()
	for i, proto := range c.protos {
		tunnel := lab.Tunnel{From: b.East, To: b.West, Src: c.src, Dst: c.dst, Proto: proto}
		if i > 0 {
			tunnel.Mode = c.mode
		}
		if back {
			tunnel = tunnel.Reverse()
		}
		all = append(all, install(t, tunnel))
	}
	return all
}

// SAID is the bundle's name as ipsec_eroute(8) writes it.
func (all bundle) SAID() string {
	var saids []string
	for _, sa := range all {
		saids = append(saids, sa.SAID())
	}
	return strings.Join(saids, "+")
}

// answerBundle makes West use the bundle for packets from west to east.
func (b bench) answerBundle(t *testing.T, all bundle, c bundleCase) {
	t.Helper()
	selector := fmt.Sprintf("src %s dst %s dir out", c.west, c.east)
	policy := "xfrm policy add " + selector
	for _, sa := range all {
		policy += fmt.Sprintf(" tmpl src %s dst %s proto %s spi %#x mode %s", sa.Src, sa.Dst, sa.Proto, sa.SPI, sa.Mode)
	}
	ip(t, b.West, policy)
	t.Cleanup(func() { ip(t, b.West, "xfrm policy delete "+selector) })
}

// last is the IP protocol of the bundle's packets on the wire.
func (all bundle) last() layers.IPProtocol {
	return map[string]layers.IPProtocol{lab.ESP: layers.IPProtocolESP, lab.AH: layers.IPProtocolAH}[all[len(all)-1].Proto]
}

// check checks that all frames have passed all SAs of the bundle, or of the one back. shrunk is the size above which a
// frame has not been compressed; 0: not compared. It returns the number of frames from East.
func (all bundle) check(t *testing.T, frames lab.Frames, shrunk int) int {
	t.Helper()
	checkOnly(t, frames, all.last())
	if n := frames.Containing([]byte(lab.Marker)); n != 0 && all.has(lab.ESP) {
		t.Errorf("%d frames have the content in clear", n)
	}
	half := 0
	for _, f := range frames.Select(lab.Match{Proto: all.last()}) {
		ah, _ := f.Packet().Layer(layers.LayerTypeIPSecAH).(*layers.IPSecAH)
		switch {
		case ah != nil && all.has(lab.ESP) && ah.NextHeader != layers.IPProtocolESP,
			shrunk != 0 && all.has(lab.COMP) && len(f.Data) > shrunk:
			half++
		}
	}
	if half != 0 {
		t.Errorf("%d frames have passed only some SAs of %s", half, all.SAID())
	}
	last := all[len(all)-1]
	return frames.Count(lab.Match{Src: lab.Only(last.Src), Dst: lab.Only(last.Dst), SPI: last.SPI})
}

func (all bundle) has(proto string) bool {
	for _, sa := range all {
		if sa.Proto == proto {
			return true
		}
	}
	return false
}

// Packets of a bundle pass all of its SAs, in both directions, large ones and such that IPComp does not make smaller. If a
// state ends under traffic they drop, and none passes only some SAs. They pass again when the state is back.
func TestBundle(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	for _, c := range bundleCases(b) {
		t.Run(c.name, func(t *testing.T) {
			there, back := b.installBundle(t, c, false), b.installBundle(t, c, true)
			b.answerBundle(t, back, c)
			s := nets(c.east, c.west)
			b.add(t, s, there.SAID())
			const count, large, small = 5, 600, 8
			for _, size := range []int{large, small} {
				stop, before := b.wire(t), b.reasons(t)
				r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: c.to(b.WestHost), Count: count, Size: size})
				if err != nil || (r.Received == count) == (size == small && c.loses()) {
					t.Errorf("ping with %d bytes: %+v, %v", size, r, err)
				}
				if n := there.check(t, stop(), large); n != count {
					t.Errorf("%d frames of %s, want %d", n, there.SAID(), count)
				}
				checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": count})
			}
			if e := b.eroute(t, s); e.SAID.String() != there.SAID() {
				t.Errorf("listed as %s, want %s", e.SAID, there.SAID())
			}
		})
	}
}

// A packet passes all SAs of a bundle or none: while the state of any of them is missing, packets drop as "sa-missing".
func TestBundleEnds(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	for _, c := range bundleCases(b) {
		if c.name != "esp+ah v6" && c.name != "comp+esp v4" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			there := b.installBundle(t, c, false)
			b.add(t, nets(c.east, c.west), there.SAID())
			count, err := b.WestHost.CountStreams(netip.AddrPortFrom(c.to(b.WestHost), 0))
			if err != nil {
				t.Fatal(err)
			}
			defer count.Close()
			const size = 600
			stop := b.wire(t)
			stream := &lab.Stream{From: b.EastHost, Dst: netip.AddrPortFrom(c.to(b.WestHost), count.Port()), Rate: 200, Size: size}
			if err := stream.Start(); err != nil {
				t.Fatal(err)
			}
			b.waitReason(t, "sa")
			for i, sa := range there {
				saved := b.stateOf(t, sa)
				ip(t, b.East, "xfrm state delete "+identity(sa))
				b.waitReason(t, "sa-missing")
				before := b.reasons(t)["sa"]
				b.waitReason(t, "sa-missing")
				b.sync(t)
				if n := b.reasons(t)["sa"] - before; n != 0 {
					t.Errorf("%d packets went to XFRM without %s", n, sa.SAID())
				}
				ip(t, b.East, saved)
				b.sync(t)
				arrived, _ := count.Arrived(0)
				if err := count.Wait(within(t, 20*time.Second), 0, arrived+20); err != nil {
					t.Errorf("after state %d was back: %v", i, err)
				}
			}
			if _, err := stream.Stop(); err != nil {
				t.Fatal(err)
			}
			frames := stop()
			n := there.check(t, frames, size)
			if arrived, _ := count.Arrived(0); n < 20 || uint64(n) < arrived {
				t.Errorf("%d frames of %s, %d datagrams arrived", n, there.SAID(), arrived)
			}
			for _, sa := range there[:len(there)-1] {
				if n := frames.Count(lab.Match{Src: lab.Only(sa.Src), Dst: lab.Only(sa.Dst), SPI: sa.SPI}); n != 0 {
					t.Errorf("%d frames have passed %s as the last SA", n, sa.SAID())
				}
			}
			if states := b.larval(t); states != "" {
				t.Errorf("XFRM made states: %s", states)
			}
		})
	}
}

// waitReason waits until a packet is counted for a reason.
func (b bench) waitReason(t *testing.T, reason string) {
	t.Helper()
	before := b.reasons(t)[reason]
	for end := time.Now().Add(20 * time.Second); b.reasons(t)[reason] == before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no packet was counted as %q", reason)
		}
	}
}

// stateOf returns the command that adds East's state of an SA with the same keys, and without an if_id.
func (b bench) stateOf(t *testing.T, sa *lab.SA) string {
	t.Helper()
	out, err := b.East.IP(t.Context(), strings.Fields("xfrm state list spi "+fmt.Sprintf("%#x proto %s dst %s", sa.SPI, sa.Proto, sa.Dst))...)
	if err != nil {
		t.Fatal(err)
	}
	add := fmt.Sprintf("xfrm state add %s mode %s", identity(sa), sa.Mode)
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		switch {
		case strings.HasPrefix(f[0], "auth"), strings.HasPrefix(f[0], "aead"):
			add += " " + strings.Join(f, " ")
		case f[0] == "comp":
			add += " comp " + f[1]
		}
	}
	return add
}

// larval lists East's states without keys.
func (b bench) larval(t *testing.T) string {
	t.Helper()
	out, err := b.East.IP(t.Context(), "xfrm", "state", "list")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range strings.Split("\n"+out, "\nsrc ")[1:] {
		if !strings.Contains(s, "aead") && !strings.Contains(s, "auth") && !strings.Contains(s, "comp") && !strings.Contains(s, "proto 4 ") && !strings.Contains(s, "proto 41 ") { // IP in IP of IPComp
			all = append(all, s)
		}
	}
	return strings.Join(all, "\n")
}

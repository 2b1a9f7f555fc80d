// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// migration moves an SA on a node to other addresses, like a key manager.
type migration func(n *lab.Node, sa *lab.SA, policy eroute.Selector, src, dst netip.Addr) error

func rawAddr(a netip.Addr) []byte { return append(a.AsSlice(), make([]byte, 16-len(a.AsSlice()))...) }

func send(n *lab.Node, msgType int, payload []byte) error {
	return n.Do(func() error {
		req := nl.NewNetlinkRequest(msgType, unix.NLM_F_ACK)
		req.AddRawData(payload)
		_, err := req.Execute(unix.NETLINK_XFRM, 0)
		return err
	})
}

// migrateState is XFRM_MSG_MIGRATE_STATE (Linux 7.2): one state.
func migrateState(n *lab.Node, sa *lab.SA, _ eroute.Selector, src, dst netip.Addr) error {
	b := append(rawAddr(sa.Dst), binary.BigEndian.AppendUint32(nil, sa.SPI)...)
	b = binary.NativeEndian.AppendUint16(b, unix.AF_INET)
	b = append(b, unix.IPPROTO_ESP, 0)
	b = append(append(b, rawAddr(dst)...), rawAddr(src)...)
	b = append(b, make([]byte, 8+nl.SizeofXfrmSelector)...) // old_mark, new_sel
	b = binary.NativeEndian.AppendUint32(b, sa.ReqID)
	b = binary.NativeEndian.AppendUint32(b, 0) // flags
	b = binary.NativeEndian.AppendUint16(b, unix.AF_INET)
	return send(n, 41, append(b, 0, 0))
}

// migratePolicy is XFRM_MSG_MIGRATE: an out policy, and the states that its template selects.
func migratePolicy(n *lab.Node, sa *lab.SA, policy eroute.Selector, src, dst netip.Addr) error {
	id := nl.XfrmUserpolicyId{Dir: 1, Sel: nl.XfrmSelector{
		Family: unix.AF_INET, PrefixlenS: uint8(policy.Src.Bits()), PrefixlenD: uint8(policy.Dst.Bits()),
	}}
	copy(id.Sel.Saddr[:], policy.Src.Addr().AsSlice())
	copy(id.Sel.Daddr[:], policy.Dst.Addr().AsSlice())
	m := append(rawAddr(sa.Dst), rawAddr(sa.Src)...)
	m = append(append(m, rawAddr(dst)...), rawAddr(src)...)
	m = append(m, unix.IPPROTO_ESP, 1, 0, 0) // tunnel mode
	m = binary.NativeEndian.AppendUint32(m, sa.ReqID)
	m = binary.NativeEndian.AppendUint16(m, unix.AF_INET)
	m = binary.NativeEndian.AppendUint16(m, unix.AF_INET)
	return send(n, nl.XFRM_MSG_MIGRATE, append(id.Serialize(), nl.NewRtAttr(nl.XFRMA_MIGRATE, m).Serialize()...))
}

// kernelAtLeast reports whether the VM's kernel has this version or a later one.
func kernelAtLeast(t *testing.T, major, minor int) bool {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	var is [2]int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &is[0], &is[1]); err != nil {
		t.Fatal(err)
	}
	return is[0] > major || is[0] == major && is[1] >= minor
}

// An SA that a key manager moves (MOBIKE) is followed: with another source its eroutes continue to use it;
// with another destination, which is another SAID, flows of traps move, and eroutes with the old SAID drop.
// No packet is sent in clear.
func TestMigrate(t *testing.T) {
	for _, c := range []struct {
		name    string
		migrate migration
		since   [2]int
	}{{"policy and its states", migratePolicy, [2]int{6, 6}}, {"one state", migrateState, [2]int{7, 2}}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			if !kernelAtLeast(t, c.since[0], c.since[1]) {
				missing := &lab.SA{Tunnel: lab.Tunnel{Src: b.East.WAN4, Dst: b.West.WAN4, SPI: 0x999}}
				if err := c.migrate(b.East, missing, eroute.Selector{}, b.East.WAN4, b.West.WAN4); !errors.Is(err, unix.EINVAL) {
					t.Errorf("unsupported request: %v, want EINVAL", err)
				}
				return
			}
			other := [...]netip.Addr{netip.MustParseAddr("192.1.2.123"), netip.MustParseAddr("192.1.2.145")}
			for i, n := range []*lab.Node{b.East, b.West} {
				ip(t, n, "address add "+other[i].String()+"/24 dev "+lab.WAN)
			}
			static, trap := nets(lab.EastLAN4, lab.WestLAN4), nets(lab.Only(b.EastHost.LAN6), lab.WestLAN6)
			flow := nets(lab.Only(b.EastHost.LAN6), lab.Only(b.WestHost.LAN6))
			sa, err := lab.Tunnel{From: b.East, To: b.West, ReqID: 7, AnyFamily: true}.Install() // it moves
			if err != nil {
				t.Fatal(err)
			}
			back := install(t, sa.Reverse())
			for _, s := range []eroute.Selector{static, trap} {
				b.answer(t, back, s.Src, s.Dst)
			}
			theirs := nets(netip.MustParsePrefix("10.77.0.0/16"), netip.MustParsePrefix("10.78.0.0/16"))
			b.theirPolicy(t, sa, theirs)
			b.add(t, static, sa.TunSAID())
			b.trap(t, trap, eroute.Trap, 7)
			b.listen(t)
			b.startRelay(t, 5*time.Second)
			ping := func(dst netip.Addr, want int) {
				t.Helper()
				r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: dst, Count: 3, Interval: time.Second, Wait: 2 * time.Second}) // a hold keeps at most two
				if err != nil || r.Received != want {
					t.Errorf("%s: %d of 3 answered, want %d (%v)", dst, r.Received, want, err)
				}
			}
			stop := b.wire(t)
			ping(b.WestHost.LAN4, 3)
			ping(b.WestHost.LAN6, 3)
			b.waitSAID(t, flow, sa.TunSAID())

			if err := c.migrate(b.East, sa, theirs, other[0], sa.Dst); err != nil {
				t.Fatal(err)
			}
			sa.Src = other[0]
			time.Sleep(time.Second) // for the relay
			ping(b.WestHost.LAN4, 3)
			ping(b.WestHost.LAN6, 3)
			b.waitSAID(t, flow, sa.TunSAID())

			old := sa.TunSAID()
			moved := sa.Tunnel
			moved.Dst = other[1]
			if err := c.migrate(b.East, sa, theirs, sa.Src, moved.Dst); err != nil {
				t.Fatal(err)
			}
			ip(t, b.West, fmt.Sprintf("xfrm state add src %s dst %s proto esp spi %#x reqid 7 mode tunnel flag af-unspec %s",
				moved.Src, moved.Dst, moved.SPI, keyOf(t, b.West, sa)))
			b.waitSAID(t, flow, moved.TunSAID())
			before := b.reasons(t)
			ping(b.WestHost.LAN6, 3)
			ping(b.WestHost.LAN4, 0)
			checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": 3, "sa-missing": 3})
			b.doctorHas(t, "sa", old+" does not exist: a key manager has moved it to "+moved.Dst.String())
			b.replace(t, static, moved.TunSAID())
			ping(b.WestHost.LAN4, 3)
			frames := stop()
			checkOnly(t, frames, layers.IPProtocolESP)
			for _, way := range [][2]netip.Addr{{b.East.WAN4, b.West.WAN4}, {other[0], b.West.WAN4}, {other[0], other[1]}} {
				if n := frames.Count(lab.Match{Src: lab.Only(way[0]), Dst: lab.Only(way[1]), SPI: sa.SPI}); n != 6 {
					t.Errorf("%d frames from %s to %s, want 6", n, way[0], way[1])
				}
			}
		})
	}
}

// keyOf returns the algorithm of an SA in the syntax of ip-xfrm(8).
func keyOf(t *testing.T, n *lab.Node, sa *lab.SA) string {
	t.Helper()
	var name, key string
	var bits int
	out := ip(t, n, fmt.Sprintf("xfrm state get src %s dst %s proto esp spi %#x", sa.Src, sa.Dst, sa.SPI))
	for line := range strings.Lines(out) {
		if _, err := fmt.Sscanf(strings.TrimSpace(line), "aead %s %s %d", &name, &key, &bits); err == nil {
			return fmt.Sprintf("aead %s %s %d", name, key, bits)
		}
	}
	t.Fatalf("no key in:\n%s", out)
	return ""
}

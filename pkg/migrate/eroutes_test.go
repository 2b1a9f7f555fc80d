// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var (
	own  = netip.MustParseAddr("192.0.2.1")
	peer = netip.MustParseAddr("192.0.2.2")
	esp  = xfrm.Template{Src: own, Dst: peer, Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 7}
)

// out returns an outbound policy.
func out(src, dst string, priority uint32, templates ...xfrm.Template) xfrm.Policy {
	return xfrm.Policy{
		Dir: xfrm.Out, Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst), Priority: priority, Templates: templates,
	}
}

// states returns two SAs with reqid 7, the second one newer, and one for an XFRM interface.
func states() xfrm.States {
	all := xfrm.States{}
	for _, s := range []xfrm.State{
		{StateKey: xfrm.StateKey{Proto: 50, SPI: 0x1000, Dst: peer}, Src: own, Mode: xfrm.ModeTunnel, ReqID: 7, Added: 100},
		{StateKey: xfrm.StateKey{Proto: 50, SPI: 0x1001, Dst: peer}, Src: own, Mode: xfrm.ModeTunnel, ReqID: 7, Added: 200},
		{StateKey: xfrm.StateKey{Proto: 50, SPI: 0x1002, Dst: peer}, Src: own, Mode: xfrm.ModeTunnel, ReqID: 7, Added: 300, IfID: 9},
		{StateKey: xfrm.StateKey{Proto: 51, SPI: 0x2000, Dst: peer}, Src: own, Mode: xfrm.ModeTransport, ReqID: 8, Added: 100},
	} {
		all[s.StateKey] = s
	}
	return all
}

// check compares with eroutes in the format of the listing, without counters, and with parts of notes.
func check(t *testing.T, k Kernel, want []string, wantNotes ...string) {
	t.Helper()
	eroutes, notes := Eroutes(k)
	var got []string
	for _, e := range eroutes {
		text := strings.Join(strings.Fields(e.String())[1:], " ")
		if e.Acquire != (eroute.AcquireParams{}) {
			text += fmt.Sprintf(" %s %s %s %d", e.Acquire.Mode, eroute.ProtocolName(e.Acquire.Proto), e.Acquire.Peer, e.Acquire.ReqID)
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("eroutes:\n%s", diff)
	}
	if len(notes) != len(wantNotes) {
		t.Fatalf("notes %q, want %q", notes, wantNotes)
	}
	for i, note := range notes {
		if !strings.Contains(note, wantNotes[i]) || strings.Contains(note, "\n") {
			t.Errorf("note %q, want %q", note, wantNotes[i])
		}
	}
}

// TestEroutes checks that policies that eroutes can express are imported unchanged.
func TestEroutes(t *testing.T) {
	block := out("10.1.9.0/24", "10.2.0.0/16", 5)
	block.Block = true
	mail := out("10.1.0.0/16", "10.2.0.0/16", 6)
	mail.Proto, mail.DstPort = 6, xfrm.PortMask{Port: 25, Mask: 0xffff}
	fixed := esp
	fixed.SPI, fixed.ReqID = 0x3000, 0
	host := xfrm.Template{Proto: eroute.ProtoAH, Mode: xfrm.ModeTransport, ReqID: 8}
	bundled := host // without addresses, after an SA in tunnel mode
	k := Kernel{States: states(), Policies: []xfrm.Policy{
		out("10.1.0.0/16", "10.2.0.0/16", 7, esp), block, mail,
		out("10.1.0.0/16", "10.3.0.0/16", 8, fixed),
		out("10.1.0.0/16", "10.4.0.0/16", 8, esp, bundled),
		out("192.0.2.1/32", "192.0.2.2/32", 9, host),
		out("2001:db8::/32", "::/0", 9),
	}}
	check(t, k, []string{
		"10.1.0.0/16 -> 10.2.0.0/16 => tun0x1001@192.0.2.2",
		"10.1.0.0/16 -> 10.2.0.0/16:25 => %pass:6",
		"10.1.0.0/16 -> 10.3.0.0/16 => tun0x3000@192.0.2.2",
		"10.1.0.0/16 -> 10.4.0.0/16 => esp0x1001@192.0.2.2+ah0x2000@192.0.2.2",
		"10.1.9.0/24 -> 10.2.0.0/16 => %drop",
		"192.0.2.1/32 -> 192.0.2.2/32 => ah0x2000@192.0.2.2",
		"2001:db8::/32 -> ::/0 => %pass",
	})
	// With a key manager SAs come and go: traps request them, with the parameters of the policy at that time.
	k.Negotiated = true
	k.Policies = k.Policies[:6]
	check(t, k, []string{
		"10.1.0.0/16 -> 10.2.0.0/16 => %trap",
		"10.1.0.0/16 -> 10.2.0.0/16:25 => %pass:6",
		"10.1.0.0/16 -> 10.3.0.0/16 => tun0x3000@192.0.2.2",
		"10.1.9.0/24 -> 10.2.0.0/16 => %drop",
		"192.0.2.1/32 -> 192.0.2.2/32 => %trap",
	}, "2 templates: a key manager listens", "it covers a single host")
}

// TestNotCarried checks that each unsupported policy is reported, in one line.
func TestNotCarried(t *testing.T) {
	for want, change := range map[string]func(*xfrm.Policy){
		"marks (0x5/0xff)":           func(p *xfrm.Policy) { p.Mark, p.Mask = 5, 0xff },
		"if_id 0x9":                  func(p *xfrm.Policy) { p.IfID = 9 },
		"the interface with index 3": func(p *xfrm.Policy) { p.Ifindex = 3 },
		"user 1000":                  func(p *xfrm.Policy) { p.User = 1000 },
		"security context":           func(p *xfrm.Policy) { p.Context = true },
		"hardware":                   func(p *xfrm.Policy) { p.Offload = true },
		"type sub":                   func(p *xfrm.Policy) { p.Sub = true },
		"no address family":          func(p *xfrm.Policy) { p.Src = netip.Prefix{} },
		"ports 1024/0xfc00":          func(p *xfrm.Policy) { p.Proto, p.SrcPort = 6, xfrm.PortMask{Port: 1024, Mask: 0xfc00} },
		"port 0":                     func(p *xfrm.Policy) { p.Proto, p.DstPort = 17, xfrm.PortMask{Mask: 0xffff} },
		"an ICMP type":               func(p *xfrm.Policy) { p.Proto, p.SrcPort = 1, xfrm.PortMask{Port: 8, Mask: 0xffff} },
		"2 templates: a bundle is":   func(p *xfrm.Policy) { p.Templates = []xfrm.Template{esp, esp} },
		"2 templates: one is optional": func(p *xfrm.Policy) {
			ah := xfrm.Template{Proto: eroute.ProtoAH, ReqID: 8, Optional: true}
			p.Templates = []xfrm.Template{esp, ah}
		},
		"2 templates: mode beet is not supported": func(p *xfrm.Policy) {
			p.Templates = []xfrm.Template{esp, {Proto: eroute.ProtoAH, Mode: xfrm.ModeBEET, SPI: 0x2000}}
		},
		"2 templates: ah0x2000@192.0.2.2 is in transport mode, its template in tunnel mode": func(p *xfrm.Policy) {
			p.Templates = []xfrm.Template{esp, {Dst: peer, Proto: eroute.ProtoAH, Mode: xfrm.ModeTunnel, SPI: 0x2000}}
		},
		"mode beet is not supported": func(p *xfrm.Policy) { p.Templates[0].Mode = xfrm.ModeBEET },
		"no SA matches its":          func(p *xfrm.Policy) { p.Templates[0].ReqID = 99 },
		"an SA has one":              func(p *xfrm.Policy) { p.Templates[0].Dst = netip.IPv4Unspecified() },
		"tunnel mode to 192.0":       func(p *xfrm.Policy) { p.Templates[0].Src = peer },
	} {
		p := out("10.1.0.0/16", "10.2.0.0/16", 7, esp)
		change(&p)
		check(t, Kernel{States: states(), Policies: []xfrm.Policy{p}}, nil, want)
		if _, notes := Eroutes(Kernel{States: states(), Policies: []xfrm.Policy{p}}); !strings.Contains(notes[0], "not imported: ") {
			t.Errorf("note %q", notes[0])
		}
	}
}

// TestImportDifferences checks policies that are imported with a difference, and those that are ignored.
func TestImportDifferences(t *testing.T) {
	optional := esp
	optional.Optional = true
	ends := out("10.1.0.0/16", "10.3.0.0/16", 7)
	ends.Ends = true
	in, fwd, sock := ends, ends, ends
	in.Dir, fwd.Dir, sock.Dir = xfrm.In, xfrm.Forward, xfrm.SocketIn+1
	check(t, Kernel{States: states(), Policies: []xfrm.Policy{out("10.1.0.0/16", "10.2.0.0/16", 7, optional), ends, in, in, fwd, sock}},
		[]string{"10.1.0.0/16 -> 10.2.0.0/16 => tun0x1001@192.0.2.2", "10.1.0.0/16 -> 10.3.0.0/16 => %pass"},
		"level use", "lifetime", "ignored inbound policies: 2", "ignored forward policies: 1", "ignored socket policies: 1")
}

// TestPriorities checks the differences in precedence: the kernel uses priorities, eroutes use specificity.
func TestPriorities(t *testing.T) {
	drop := func(src, dst string, priority uint32) xfrm.Policy {
		p := out(src, dst, priority)
		p.Block = true
		return p
	}
	// More specific and better priority: the same order.
	check(t, Kernel{Policies: []xfrm.Policy{out("10.0.0.0/8", "10.0.0.0/8", 20), drop("10.1.0.0/16", "10.2.0.0/16", 10)}},
		[]string{"10.0.0.0/8 -> 10.0.0.0/8 => %pass", "10.1.0.0/16 -> 10.2.0.0/16 => %drop"})
	// More specific and worse priority: never matched.
	check(t, Kernel{Policies: []xfrm.Policy{out("10.0.0.0/8", "10.0.0.0/8", 10), drop("10.1.0.0/16", "10.2.0.0/16", 20)}},
		[]string{"10.0.0.0/8 -> 10.0.0.0/8 => %pass"},
		"10.1.0.0/16 -> 10.2.0.0/16 priority 20: not imported: policy 10.0.0.0/8 -> 10.0.0.0/8 priority 10 takes precedence")
	// An identical action for the same packets needs no note.
	check(t, Kernel{Policies: []xfrm.Policy{out("10.0.0.0/8", "10.0.0.0/8", 20), out("10.0.0.0/8", "10.0.0.0/8", 10)}},
		[]string{"10.0.0.0/8 -> 10.0.0.0/8 => %pass"})
	// The selectors overlap partly: eroutes decide by the source, policies by priority.
	check(t, Kernel{Policies: []xfrm.Policy{out("10.1.0.0/16", "10.0.0.0/8", 20), drop("10.0.0.0/8", "10.2.0.0/16", 10)}},
		[]string{"10.0.0.0/8 -> 10.2.0.0/16 => %drop", "10.1.0.0/16 -> 10.0.0.0/8 => %pass"},
		"policy 10.0.0.0/8 -> 10.2.0.0/16 priority 10: as eroutes, policy 10.1.0.0/16 -> 10.0.0.0/8 priority 20 takes precedence")
	check(t, Kernel{Policies: []xfrm.Policy{out("10.1.0.0/16", "10.0.0.0/8", 10), drop("10.0.0.0/8", "10.2.0.0/16", 10)}},
		[]string{"10.0.0.0/8 -> 10.2.0.0/16 => %drop", "10.1.0.0/16 -> 10.0.0.0/8 => %pass"}, "their priorities are equal")
	// The selectors are disjoint.
	check(t, Kernel{Policies: []xfrm.Policy{out("10.1.0.0/16", "10.0.0.0/8", 10), drop("10.3.0.0/16", "10.2.0.0/16", 20)}},
		[]string{"10.1.0.0/16 -> 10.0.0.0/8 => %pass", "10.3.0.0/16 -> 10.2.0.0/16 => %drop"})
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var (
	testSAID     = eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("192.0.2.2")}
	testLifetime = xfrm.Lifetime{
		State: xfrm.State{
			StateKey: xfrm.StateKey{Proto: eroute.ProtoESP, SPI: 0x1000, Dst: testSAID.Dst},
			Src:      netip.MustParseAddr("192.0.2.1"), Mode: xfrm.ModeTunnel, ReqID: 7, IfID: 0x65000000, Inner: xfrm.IPv4,
		},
		Packets: 3, Bytes: 300, MaxBytes: 5000, Policies: xfrm.IPv4, Expires: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
)

// newGateway returns a namespace with ipsec0 on wan, a tunnel to 192.0.2.2 for 10.2.0.0/16, and one eroute from
// 10.1.0.0/16 into it.
func newGateway(t *testing.T, said eroute.SAID) *memory {
	t.Helper()
	m := newMemory()
	m.exists = true
	m.devices.all = []device.Attachment{{Virtual: "ipsec0", Physical: "wan", Kind: device.KindXFRM}}
	m.kernel = memoryKernel{
		sas: map[eroute.SAID]xfrm.Lifetime{testSAID: testLifetime}, ready: map[eroute.SAID]bool{testSAID: true}, relay: true,
		own: netip.MustParseAddr("192.0.2.1"),
		routes: []memoryRoute{
			{netip.MustParsePrefix("10.2.0.0/16"), explain.Hop{Device: "ipsec0"}},
			{netip.MustParsePrefix("192.0.2.0/24"), explain.Hop{Device: "wan"}},
			{netip.MustParsePrefix("0.0.0.0/0"), explain.Hop{Device: "wan", Via: netip.MustParseAddr("192.0.2.254")}},
		},
	}
	add(t, m, "10.1.0.0/16", "10.2.0.0/16", said)
	return m
}

func add(t *testing.T, m *memory, src, dst string, said eroute.SAID) {
	t.Helper()
	if err := m.eroutes.Add(eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst)}, said); err != nil {
		t.Fatal(err)
	}
}

// policiesOf returns a key manager's policy for a part of the selector of the gateway's eroute.
func policiesOf(reqid uint32) []xfrm.OutPolicy {
	return []xfrm.OutPolicy{{
		Selector: eroute.Selector{Src: netip.MustParsePrefix("10.1.0.0/24"), Dst: netip.MustParsePrefix("10.2.0.0/16")},
		Template: xfrm.Template{Dst: testSAID.Dst, Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: reqid},
	}}
}

// explainLines returns the lines with a title in the explanation of a packet.
func explainLines(t *testing.T, m *memory, title string, packet ...string) []string {
	t.Helper()
	status, stdout, stderr := runMemory(m, strings.Join(packet, " "), "eroute", "--lookup", "--batch", "-", "--explain")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	var lines []string
	for line := range strings.Lines(stdout) {
		if text, ok := strings.CutPrefix(line, "  "+title); ok {
			lines = append(lines, strings.TrimSpace(text))
		}
	}
	return lines
}

// bond routes packets to a bond with these members.
func bond(members ...string) func(*memory) {
	return func(m *memory) {
		m.kernel.routes[1].Device, m.kernel.members = "bond0", map[string][]string{"bond0": members}
	}
}

// TestExplainWatched checks the verdict where a packet leaves through a watched interface, and elsewhere.
func TestExplainWatched(t *testing.T) {
	packet := []string{"10.1.0.1", "10.2.0.1"}
	other := []string{"10.9.0.1", "10.2.0.1"}
	for name, test := range map[string]struct {
		said   eroute.SAID
		change func(*memory)
		packet []string
		want   string
	}{
		"SA":             {testSAID, func(*memory) {}, packet, `sent, counted as "sa": dev wan; through ipsec0, without a route into it, encapsulated by XFRM in tunnel mode`},
		"SA missing":     {testSAID, func(m *memory) { m.kernel.sas, m.kernel.ready = nil, nil }, packet, `dropped, counted as "sa-missing"`},
		"no XFRM":        {testSAID, func(m *memory) { m.devices.all[0].Kind = device.KindPlain }, packet, `dropped, counted as "no-xfrm"; this kernel has no XFRM interfaces`},
		"pass":           {eroute.Pass, func(*memory) {}, packet, `sent, counted as "pass": via 192.0.2.254 dev wan; in clear`},
		"drop":           {eroute.Drop, func(*memory) {}, packet, `dropped, counted as "drop"`},
		"reject":         {eroute.Reject, func(*memory) {}, packet, `dropped, counted as "reject"; the sender receives an ICMP error, within the rate limits for these`},
		"hold":           {eroute.Hold, func(*memory) {}, packet, `kept, counted as "hold"; the relay keeps the first and the latest packet of a hold`},
		"trap, no relay": {eroute.Trap, func(m *memory) { m.kernel.relay = false }, packet, `dropped, counted as "trap-no-relay"; ipsec acquire is not running, or no key manager listens`},
		"none":           {eroute.Drop, func(*memory) {}, other, `sent, not counted: via 192.0.2.254 dev wan; in clear: it has no eroute`},
		"none, drop":     {eroute.Drop, func(m *memory) { m.devices.all[0].DropUnmatched = true }, other, `dropped, counted as "no-eroute"; --unmatched drop`},
		"XFRM policy":    {eroute.Drop, func(m *memory) { m.kernel.policies = policiesOf(9) }, packet, `sent, not counted: via 192.0.2.254 dev wan; XFRM encrypts it or waits for an SA: its policy 10.1.0.0/24 -> 10.2.0.0/16 applies before the eroutes`},
		"second":         {eroute.Drop, func(m *memory) { m.kernel.routes[1].Device = "lte"; m.devices.all[0].Also = []string{"lte"} }, packet, `dropped, counted as "drop"`},
		"not watched":    {eroute.Drop, func(m *memory) { m.kernel.routes[1].Device = "lte" }, packet, `sent, not counted: via 192.0.2.254 dev lte; in clear: lte is not watched`},
		"all members":    {eroute.Drop, bond("wan"), packet, `dropped, counted as "drop"`},
		"some members":   {eroute.Drop, bond("wan", "eth9"), packet, `sent, not counted: via 192.0.2.254 dev bond0; in clear if it leaves through eth9, a member of bond0 that is not watched`},
		"member again": {eroute.Drop, func(m *memory) {
			bond("wan", "lte")(m)
			m.devices.all[0].Also, m.devices.all[0].Unwatched, m.devices.all[0].Guarded = []string{"lte"}, []string{"lte"}, true
		}, packet, `sent, not counted: via 192.0.2.254 dev bond0; in clear if it leaves through lte, a member of bond0 that is not watched`},
		"no member": {eroute.Drop, bond("eth8", "eth9"), packet, `sent, not counted: via 192.0.2.254 dev bond0; in clear: bond0 is not watched`},
		"member": {eroute.Drop, func(m *memory) {
			m.kernel.members = map[string][]string{"wan": {"eth9"}}
			m.kernel.routes[1].Device = "eth9"
		}, packet, `sent, not counted: via 192.0.2.254 dev eth9; in clear: eth9 is not watched`},
		"into ipsec0":    {eroute.Drop, func(m *memory) { m.kernel.routes[1].Device = "ipsec0" }, other, `dropped, counted as "no-eroute"`},
		"no route":       {eroute.Drop, func(m *memory) { m.kernel.routes = nil }, packet, `would be dropped, counted as "drop"`},
		"IKE":            {eroute.Drop, func(m *memory) { add(t, m, "192.0.2.1/32", "0.0.0.0/0", eroute.Reject) }, []string{"192.0.2.1", "10.2.0.1", "udp", "500", "500"}, `sent, counted as "key-exchange": via 192.0.2.254 dev wan; in clear if sent by a key manager's socket or by XFRM; any other such packet matches the eroute`},
		"link scope":     {eroute.Drop, func(m *memory) { add(t, m, "0.0.0.0/0", "0.0.0.0/0", eroute.Drop) }, []string{"192.0.2.1", "224.0.0.5"}, `sent, not counted: via 192.0.2.254 dev wan; traffic of the link, which leaves as it is; a packet that arrived on an interface matches the table`},
		"DHCP":           {eroute.Drop, func(m *memory) { add(t, m, "0.0.0.0/0", "0.0.0.0/0", eroute.Drop) }, []string{"192.0.2.1", "10.2.0.1", "udp", "68", "67"}, `sent, not counted: via 192.0.2.254 dev wan; in clear if sent by the DHCP client of root; any other such packet matches the table`},
		"forwarded DHCP": {eroute.Drop, func(*memory) {}, []string{"10.1.0.1", "10.2.0.1", "udp", "68", "67"}, `dropped, counted as "drop"`},
	} {
		t.Run(name, func(t *testing.T) {
			m := newGateway(t, test.said)
			m.devices.all[0].Watched = true
			m.kernel.routes = []memoryRoute{
				{netip.MustParsePrefix("192.0.2.0/24"), explain.Hop{Device: "wan"}},
				{netip.MustParsePrefix("0.0.0.0/0"), explain.Hop{Device: "wan", Via: netip.MustParseAddr("192.0.2.254")}},
			}
			test.change(m)
			if got := explainLines(t, m, "verdict", test.packet...); !slices.Equal(got, []string{test.want}) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestExplainVerdict checks that the verdict follows from the eroute, the SA and the routing.
func TestExplainVerdict(t *testing.T) {
	packet := []string{"10.1.0.1", "10.2.0.1"}
	for name, test := range map[string]struct {
		said   eroute.SAID
		change func(*memory)
		packet []string
		want   string
	}{
		"SA":           {testSAID, func(*memory) {}, packet, `sent, counted as "sa": dev wan; encapsulated by XFRM in tunnel mode`},
		"SA missing":   {testSAID, func(m *memory) { m.kernel.sas, m.kernel.ready = nil, nil }, packet, `dropped, counted as "sa-missing"`},
		"SA just come": {testSAID, func(m *memory) { m.kernel.ready = nil }, packet, `dropped, counted as "sa-missing"; the SA has been added since: run ipsec eroute --sync`},
		"SA of a bundle": {testSAID, func(m *memory) {
			m.kernel.ready = map[eroute.SAID]bool{{Proto: eroute.ProtoAH, SPI: 0x3000, Dst: testSAID.Dst, Inner: eroute.Inner{ESP: testSAID.SPI}}: true}
		}, packet, `dropped, counted as "sa-missing"; esp0x1000@192.0.2.2+ah0x3000@192.0.2.2 uses a state of the SA, and a state in a bundle cannot have a second SAID`},
		"SA at its limit": {testSAID, func(m *memory) { m.kernel.changeSA(func(l *xfrm.Lifetime) { l.Spent = "it ends" }) }, packet, `sent, counted as "sa"; but XFRM drops the packet: it ends`},
		"SA spent": {testSAID, func(m *memory) {
			m.kernel.ready = nil
			m.kernel.changeSA(func(l *xfrm.Lifetime) { l.State.Spent = true })
		}, packet, `dropped, counted as "sa-exhausted"; the sequence numbers of the SA are exhausted`},
		"SA, no policy":   {testSAID, func(m *memory) { m.kernel.changeSA(func(l *xfrm.Lifetime) { l.Policies = xfrm.IPv6 }) }, packet, `sent, counted as "sa"; but its XFRM policy has been deleted: the ipsec device drops the packet (TX carrier errors) until ipsec eroute --sync`},
		"SA just gone":    {testSAID, func(m *memory) { m.kernel.sas = nil }, packet, `sent, counted as "sa"; but the SA has been deleted: XFRM drops the packet (XfrmOutNoStates) until ipsec eroute --sync`},
		"no XFRM":         {testSAID, func(m *memory) { m.devices.all[0].Kind = device.KindPlain }, packet, `dropped, counted as "no-xfrm"; this kernel has no XFRM interfaces`},
		"loop":            {testSAID, func(m *memory) { m.kernel.routes[1].Device = "ipsec0" }, packet, `sent, counted as "sa": dev ipsec0; encapsulated by XFRM in tunnel mode, but the route to the peer leads into ipsec0: XFRM detects a loop and drops the packet`},
		"pass":            {eroute.Pass, func(*memory) {}, packet, `sent, counted as "pass": via 192.0.2.254 dev wan; in clear`},
		"pass, no device": {eroute.Pass, func(m *memory) { m.devices.all = nil }, packet, `would be sent, counted as "pass": no ipsec device is attached; in clear`},
		"pass, wan gone":  {eroute.Pass, func(m *memory) { m.devices.all[0].Physical = "" }, packet, `sent, counted as "pass": the physical device does not exist; in clear`},
		"drop":            {eroute.Drop, func(*memory) {}, packet, `dropped, counted as "drop"`},
		"trap":            {eroute.TrapSubnet, func(*memory) {}, packet, `kept, counted as "trap"; an ACQUIRE without a reqid (the trap has none and no policy covers the flow; strongSwan ignores such an ACQUIRE) is sent to key managers, and a %hold eroute is created`},
		"trap, policy":    {eroute.Trap, func(m *memory) { m.kernel.policies = policiesOf(9) }, packet, `kept, counted as "trap"; an ACQUIRE with reqid 9 of policy 10.1.0.0/24 -> 10.2.0.0/16 is sent to key managers, and a %hold eroute is created`},
		"subnet, policy":  {eroute.TrapSubnet, func(m *memory) { m.kernel.policies = policiesOf(9) }, packet, `kept, counted as "trap"; an ACQUIRE without a reqid (the trap has none and no policy covers the flow; strongSwan ignores such an ACQUIRE) is sent to key managers, and a %hold eroute is created`},
		"trap, no relay":  {eroute.Trap, func(m *memory) { m.kernel.relay = false }, packet, `dropped, counted as "trap-no-relay"; ipsec acquire is not running, or no key manager listens`},
		"hold":            {eroute.Hold, func(*memory) {}, packet, `kept, counted as "hold"; the relay keeps the first and the latest packet of a hold`},
		"hold, no relay":  {eroute.Hold, func(m *memory) { m.kernel.relay = false }, packet, `dropped, counted as "hold-not-stored"; ipsec acquire is not running, or no key manager listens`},
		"none":            {eroute.Hold, func(*memory) {}, []string{"10.9.0.1", "10.2.0.1"}, `dropped, counted as "no-eroute"`},
		"other route":     {eroute.Hold, func(*memory) {}, []string{"10.9.0.1", "10.3.0.1"}, `would be dropped, counted as "no-eroute"`},
		"IKE":             {eroute.Reject, func(m *memory) { add(t, m, "192.0.2.1/32", "10.2.0.0/16", eroute.Reject) }, []string{"192.0.2.1", "10.2.0.1", "udp", "500", "500"}, `sent, counted as "key-exchange": via 192.0.2.254 dev wan; in clear if sent by a key manager's socket or by XFRM; any other such packet matches the eroute`},
		"IKE, drop":       {eroute.Reject, func(m *memory) { add(t, m, "192.0.2.1/32", "10.2.0.0/16", eroute.Drop) }, []string{"192.0.2.1", "10.2.0.1", "udp", "500", "500"}, `dropped, counted as "drop"`},
		"forwarded IKE":   {eroute.Reject, func(*memory) {}, []string{"10.1.0.1", "10.2.0.1", "udp", "500", "500"}, `dropped, counted as "reject"; the sender receives an ICMP error, within the rate limits for these`},
	} {
		t.Run(name, func(t *testing.T) {
			m := newGateway(t, test.said)
			test.change(m)
			if got := explainLines(t, m, "verdict", test.packet...); !slices.Equal(got, []string{test.want}) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestExplainSA(t *testing.T) {
	m := newGateway(t, testSAID)
	want := []string{"esp spi 0x1000 dst 192.0.2.2 src 192.0.2.1, tunnel mode, reqid 7, if_id 0x65000000, 3 packets, 300 of 5000 bytes, expires 2026-11-24T12:00:00Z"}
	if got := explainLines(t, m, "SA", "10.1.0.1", "10.2.0.1"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := explainLines(t, m, "route", "10.1.0.1", "10.2.0.1"), []string{"into ipsec0"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	_, stdout, _ := runMemory(m, "", "eroute", "--lookup", "--src", "10.1.0.1", "--dst", "10.2.0.1", "--explain", "--json")
	const wantJSON = `"sa":{"said":"tun0x1000@192.0.2.2","present":true,"ready":true,"proto":"esp","spi":4096,"src":"192.0.2.1","dst":"192.0.2.2","mode":"tunnel","reqid":7,"if_id":1694498816,` +
		`"packets":3,"bytes":300,"max_bytes":5000,"expires":"2026-11-24T12:00:00Z"},"verdict":"sent","reason":"sa","next":{"device":"wan"},`
	if err := schema.Check([]byte(stdout)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(stdout, wantJSON) {
		t.Errorf("got %s\nwant %s", stdout, wantJSON)
	}
}

// TestExplainBundle checks that the SAs of a bundle are all printed.
func TestExplainBundle(t *testing.T) {
	said, err := eroute.ParseSAID(t.Context(), "comp.100@192.0.2.2+esp.1000@192.0.2.2", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newGateway(t, said)
	life := testLifetime
	life.Mode, life.ReqID = xfrm.ModeTransport, 8
	life.Under = &xfrm.State{
		StateKey: xfrm.StateKey{Proto: eroute.ProtoComp, SPI: 0x100, Dst: said.Dst},
		Src:      testLifetime.Src, Mode: xfrm.ModeTunnel, ReqID: 7, IfID: testLifetime.IfID, Inner: xfrm.IPv4,
	}
	m.kernel.sas, m.kernel.ready = map[eroute.SAID]xfrm.Lifetime{said: life}, map[eroute.SAID]bool{said: true}
	want := []string{"esp spi 0x1000 dst 192.0.2.2 src 192.0.2.1, transport mode, after comp spi 0x100 dst 192.0.2.2 in tunnel mode, reqid 8, if_id 0x65000000, 3 packets, 300 of 5000 bytes, expires 2026-11-24T12:00:00Z"}
	if got := explainLines(t, m, "SA", "10.1.0.1", "10.2.0.1"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	_, stdout, _ := runMemory(m, "", "eroute", "--lookup", "--src", "10.1.0.1", "--dst", "10.2.0.1", "--explain", "--json")
	const wantJSON = `"sa":{"said":"comp0x100@192.0.2.2+esp0x1000@192.0.2.2","present":true,"ready":true,"proto":"esp","spi":4096,"src":"192.0.2.1","dst":"192.0.2.2","mode":"transport","reqid":8,"if_id":1694498816,` +
		`"after":[{"proto":"comp","spi":256,"src":"192.0.2.1","dst":"192.0.2.2","mode":"tunnel","reqid":7,"if_id":1694498816}],` +
		`"packets":3,"bytes":300,`
	if err := schema.Check([]byte(stdout)); err != nil {
		t.Error(err)
	}
	if !strings.Contains(stdout, wantJSON) {
		t.Errorf("got %s\nwant %s", stdout, wantJSON)
	}
}

// TestExplainDisagreement checks that a disagreement between kernel program and table is printed, and is an error.
func TestExplainDisagreement(t *testing.T) {
	m := newGateway(t, eroute.Drop)
	m.lost = m.eroutes.List()[0].Selector
	add(t, m, "10.0.0.0/8", "10.2.0.0/16", eroute.Pass)
	for _, form := range []struct {
		args []string
		want string
	}{
		{nil, "  WRONG    the kernel program and the table disagree: the packet matches the eroute in the first line, not the first match\n"},
		{[]string{"--json"}, `"consistent":false,`},
	} {
		args := append([]string{"eroute", "--lookup", "--src", "10.1.0.1", "--dst", "10.2.0.1", "--explain"}, form.args...)
		status, stdout, stderr := runMemory(m, "", args...)
		if status != 1 || !strings.Contains(stdout, form.want) ||
			!strings.HasPrefix(stderr, "ipsec eroute: the kernel program and the table disagree about 1 of 1 packets: ") {
			t.Errorf("status %d, stdout %s, stderr %s", status, stdout, stderr)
		}
	}
}

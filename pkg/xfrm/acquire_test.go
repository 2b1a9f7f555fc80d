// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func selector(src, dst string) eroute.Selector {
	return eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst)}
}

// acquire4 sets all fields, acquire6 as few as possible.
var (
	acquire4 = Acquire{
		Flow: eroute.Selector{
			Src: netip.MustParsePrefix("192.0.2.1/32"), Dst: netip.MustParsePrefix("192.0.1.1/32"),
			Proto: 6, SrcPort: 4711, DstPort: 80,
		},
		Policy: eroute.Selector{
			Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix("192.0.1.0/24"),
			Proto: 6, SrcPort: 4711, DstPort: 80,
		},
		Packet: eroute.Packet{
			Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.1.1"),
			Proto: 6, SrcPort: 4711, DstPort: 80,
		},
		Params: eroute.AcquireParams{Mode: eroute.ModeTunnel, Proto: eroute.ProtoESP, Peer: netip.MustParseAddr("192.1.2.45"), ReqID: 7},
		Seq:    0x01020304,
	}
	acquire6 = Acquire{
		Flow: selector("2001:db8:2::1/128", "2001:db8:1::1/128"), Policy: selector("2001:db8:2::/64", "::/0"),
		Packet: eroute.Packet{Src: netip.MustParseAddr("2001:db8:2::1"), Dst: netip.MustParseAddr("2001:db8:1::1"), Proto: 58},
		Params: eroute.AcquireParams{Mode: eroute.ModeTransport, Proto: eroute.ProtoAH},
	}
)

// TestAcquire checks that our ACQUIRE reaches a key manager unchanged, and that listeners are counted.
func TestAcquire(t *testing.T) {
	h := newNamespace(t)
	if n, err := Listeners(); err != nil || n != 0 {
		t.Errorf("%d listeners, %v", n, err)
	}
	listener, err := nl.Subscribe(unix.NETLINK_XFRM, nl.XFRMNLGRP_ACQUIRE)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if n, err := Listeners(); err != nil || n != 1 {
		t.Errorf("%d listeners, %v, want 1", n, err)
	}
	if err := listener.SetReceiveTimeout(&unix.Timeval{Sec: 5}); err != nil {
		t.Fatal(err)
	}
	ofCPU := acquire4
	ofCPU.OneCPU, ofCPU.CPU = true, 1
	for _, a := range []Acquire{acquire4, acquire6, ofCPU} {
		if err := h.Acquire(a); err != nil {
			t.Fatal(err)
		}
		messages, _, err := listener.Receive()
		if err != nil || len(messages) != 1 || messages[0].Header.Type != nl.XFRM_MSG_ACQUIRE {
			t.Fatalf("received %v, %v", messages, err)
		}
		const saddr, sel, policy = 24, 40, 96 // struct xfrm_user_acquire
		sent, got := a.message().payload, messages[0].Data
		if string(got[saddr:policy+nl.SizeofXfrmSelector]) != string(sent[saddr:policy+nl.SizeofXfrmSelector]) {
			t.Errorf("received\n%x, sent\n%x", got, sent)
		}
		if flow := parseSelector(*nl.DeserializeXfrmSelector(got[sel:])); flow != selectorOf(a.Packet) {
			t.Errorf("received flow %v, want %v", flow, selectorOf(a.Packet))
		}
		attrs, err := parseAttributes(got[280:])
		if err != nil {
			t.Fatal(err)
		}
		reqid, cpus := uint32(0), []uint32(nil)
		for _, attr := range attrs {
			if attr.kind == nl.XFRMA_SA_PCPU {
				cpus = append(cpus, nl.NativeEndian().Uint32(attr.data))
			}
			if attr.kind == nl.XFRMA_TMPL {
				reqid = nl.DeserializeXfrmUserTmpl(attr.data).Reqid
			}
		}
		if reqid != a.Params.ReqID {
			t.Errorf("received reqid %d, want %d", reqid, a.Params.ReqID)
		}
		if a.OneCPU != (len(cpus) == 1 && cpus[0] == a.CPU) {
			t.Errorf("received CPUs %d, want %d: %v", cpus, a.CPU, a.OneCPU)
		}
	}
}

// TestWatch checks that only changes, such as that of a policy, wake the watcher.
func TestWatch(t *testing.T) {
	h := newNamespace(t)
	w, err := Watch()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	policies := 0
	seen := func(kind uint16) {
		if ChangesPolicies(kind) {
			policies++
		}
	}
	if err := w.Wait(50*time.Millisecond, seen); err == nil {
		t.Error("woken by nothing")
	}
	if err := h.change(allow(1, IPv4).message(nl.XFRM_MSG_NEWPOLICY)); err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(5*time.Second, seen); err != nil || policies != 1 {
		t.Errorf("%v, %d messages of policies, want 1", err, policies)
	}
	if err := w.Wait(50*time.Millisecond, seen); err == nil {
		t.Error("woken twice")
	}
}

// TestOutPolicies checks that key managers' policies are returned with selector and template, and ours are
// omitted.
func TestOutPolicies(t *testing.T) {
	h := newNamespace(t)
	theirs := nl.XfrmUserpolicyInfo{
		Sel: selectorMessage(acquire4.Policy), Dir: policyOut, Priority: 1234,
		Lft: nl.XfrmLifetimeCfg{SoftByteLimit: nl.XFRM_INF, HardByteLimit: nl.XFRM_INF, SoftPacketLimit: nl.XFRM_INF, HardPacketLimit: nl.XFRM_INF},
	}
	tmpl := State{StateKey: StateKey{50, 0, netip.MustParseAddr("192.1.2.45")}, Mode: ModeTunnel, ReqID: 7, Src: netip.MustParseAddr("192.1.2.23")}.template()
	if err := h.change(request{nl.XFRM_MSG_NEWPOLICY, appendAttribute(theirs.Serialize(), nl.XFRMA_TMPL, tmpl.Serialize())}); err != nil {
		t.Fatal(err)
	}
	if err := h.change(allow(1, IPv4).message(nl.XFRM_MSG_NEWPOLICY)); err != nil {
		t.Fatal(err)
	}
	all, err := h.OutPolicies()
	want := OutPolicy{Selector: acquire4.Policy, Priority: 1234, Template: Template{
		Src: netip.MustParseAddr("192.1.2.23"), Dst: netip.MustParseAddr("192.1.2.45"), Proto: 50, Mode: ModeTunnel, ReqID: 7,
	}}
	if err != nil || len(all) != 1 || all[0] != want {
		t.Errorf("policies %+v, %v, want %+v", all, err, want)
	}
	if !want.Covers(acquire4.Flow) || want.Covers(selector("192.0.2.1/32", "192.0.1.1/32")) || want.Covers(acquire6.Flow) {
		t.Error("the policy is for TCP from port 4711 to 80, and for nothing else")
	}
}

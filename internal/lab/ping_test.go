// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

// Pings between hosts pass both gateways, and a capture between these contains each request and each answer
// exactly once, with the hop limit decremented once.
func TestPingThroughBothGateways(t *testing.T) {
	l := newLab(t)
	for _, f := range families(l) {
		t.Run(f.name, func(t *testing.T) {
			stop := startCapture(t, l.East, lab.WAN)
			const count = 200
			r, err := l.EastHost.Ping(within(t, 30*time.Second),
				lab.Ping{Dst: f.westHost, Count: count, Size: 300, Interval: time.Millisecond})
			if err != nil || r.Sent != count || r.Received != count || r.Duplicates+len(r.Errors)+len(r.SendErrors) != 0 {
				t.Errorf("ping: %+v, %v", r, err)
			}
			if slowest := r.Slowest(); len(r.Answers) != count || r.Late() != 0 || slowest.RTT <= 0 || slowest.RTT > 10*time.Second {
				t.Errorf("ping: %d answers, %d late, the slowest %+v", len(r.Answers), r.Late(), slowest)
			}
			frames := stop()
			requests := frames.Select(lab.Match{Src: lab.Only(f.eastHost), Dst: lab.Only(f.westHost), Outgoing: true})
			answers := frames.Select(lab.Match{Src: lab.Only(f.westHost), Dst: lab.Only(f.eastHost), Incoming: true})
			if len(requests) != count || len(answers) != count {
				t.Errorf("capture: %d requests, %d answers, want %d each", len(requests), len(answers), count)
			}
			if got := frames.Containing([]byte(lab.Marker)); got != 2*count {
				t.Errorf("capture: %d frames with the content, want %d", got, 2*count)
			}
			for _, q := range requests {
				if h, _ := q.Header(); h.TTL != 63 {
					t.Fatalf("TTL %d, want 63", h.TTL)
				}
			}
		})
	}
}

// The ICMP errors about a ping are in its result, with their senders.
func TestPingErrors(t *testing.T) {
	l := newLab(t)
	absent4, absent6 := netip.MustParsePrefix("192.0.9.0/24"), netip.MustParsePrefix("2001:db8:9::/64")
	for _, p := range []netip.Prefix{absent4, absent6} {
		if _, err := l.East.IP(t.Context(), "route", "add", "prohibit", p.String()); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []*lab.Node{l.East, l.West} {
		if err := n.SetMTU(lab.WAN, 1400); err != nil {
			t.Fatal(err)
		}
	}
	const prohibited4, prohibited6 = layers.ICMPv4CodeCommAdminProhibited, layers.ICMPv6CodeAdminProhibited
	for _, c := range []struct {
		name      string
		ping      lab.Ping
		from      netip.Addr
		typ, code uint8
		mtu       int
	}{
		{"v4 prohibited", lab.Ping{Dst: absent4.Addr().Next()}, l.East.LAN4, 3, prohibited4, 0},
		{"v6 prohibited", lab.Ping{Dst: absent6.Addr().Next()}, l.East.LAN6, 1, prohibited6, 0},
		{"v4 hops", lab.Ping{Dst: l.WestHost.LAN4, TTL: 1}, l.East.LAN4, 11, 0, 0},
		{"v6 hops", lab.Ping{Dst: l.WestHost.LAN6, TTL: 2}, l.West.WAN6, 3, 0, 0},
		{"v4 too big", lab.Ping{Dst: l.WestHost.LAN4, Size: 1450, DF: true}, l.East.LAN4, 3, 4, 1400},
		{"v6 too big", lab.Ping{Dst: l.WestHost.LAN6, Size: 1450, DF: true}, l.East.LAN6, 2, 0, 1400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := l.EastHost.Ping(within(t, 10*time.Second), c.ping)
			if err != nil || r.Sent != 1 || r.Received != 0 || len(r.Errors) != 1 {
				t.Fatalf("ping: %+v, %v", r, err)
			}
			e := r.Errors[0]
			if e.From != c.from || !e.Is(c.typ, c.code) || e.MTU != c.mtu {
				t.Errorf("error %d/%d mtu %d from %s, want %d/%d mtu %d from %s",
					e.Type, e.Code, e.MTU, e.From, c.typ, c.code, c.mtu, c.from)
			}
			if h, ok := e.About(); !ok || h.Dst != c.ping.Dst {
				t.Errorf("about %+v, want destination %s", h, c.ping.Dst)
			}
		})
	}
	// The path MTU is known from here.
	r, err := l.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: l.WestHost.LAN4, Size: 1450, DF: true})
	if err != nil || r.Sent != 0 || len(r.SendErrors) != 1 || !errors.Is(r.SendErrors[0], syscall.EMSGSIZE) {
		t.Errorf("second ping that is too big: %+v, %v", r, err)
	}
	r, err = l.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: l.WestHost.LAN4, Size: 4000})
	if err != nil || r.Received != 1 {
		t.Errorf("ping in fragments: %+v, %v", r, err)
	}
}

// An unanswered ping ends after its wait, without an error.
func TestPingUnanswered(t *testing.T) {
	l := newLab(t)
	if _, err := l.East.IP(t.Context(), "route", "add", "blackhole", "192.0.9.0/24"); err != nil {
		t.Fatal(err)
	}
	r, err := l.EastHost.Ping(within(t, 10*time.Second),
		lab.Ping{Dst: netip.MustParseAddr("192.0.9.1"), Count: 2, Wait: 100 * time.Millisecond})
	if err != nil || r.Sent != 2 || r.Received != 0 || len(r.Errors) != 0 {
		t.Errorf("ping: %+v, %v", r, err)
	}
}

// An answer is late if the answer to a later request arrived first.
func TestPingOrder(t *testing.T) {
	for _, c := range []struct {
		requests []int
		late     int
	}{{nil, 0}, {[]int{0, 1, 2}, 0}, {[]int{0, 2, 3}, 0}, {[]int{1, 0, 2}, 1}, {[]int{5, 1, 2, 6}, 2}} {
		var r lab.PingResult
		for i, n := range c.requests {
			r.Answers = append(r.Answers, lab.PingAnswer{Request: n, RTT: time.Duration(i+1) * time.Millisecond})
		}
		if got := r.Late(); got != c.late {
			t.Errorf("%v: %d late, want %d", c.requests, got, c.late)
		}
		if n := len(c.requests); r.Slowest().RTT != time.Duration(n)*time.Millisecond {
			t.Errorf("%v: the slowest %+v", c.requests, r.Slowest())
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

//go:build vm

package lab_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

// An SPI in use is refused without a change; removing one of two SAs leaves the other; removing a deleted
// state is an error.
func TestInstallAndRemove(t *testing.T) {
	l := newLab(t)
	tunnel := lab.Tunnel{From: l.East, To: l.West, SPI: 0x135}
	first := install(t, tunnel)
	if got, want := first.SAID(), "esp0x135@192.1.2.45"; got != want {
		t.Errorf("SAID %s, want %s", got, want)
	}
	if _, err := tunnel.Install(); !errors.Is(err, syscall.EEXIST) {
		t.Errorf("second Install: %v, want EEXIST", err)
	}
	tunnel.SPI = 0
	second := install(t, tunnel)
	if err := first.Remove(); err != nil {
		t.Error(err)
	}
	if err := first.Remove(); err != nil {
		t.Errorf("second Remove: %v", err)
	}
	protect(t, second, l.EastHost.LAN4, l.WestHost.LAN4)
	r, err := l.EastHost.Ping(within(t, time.Minute), lab.Ping{Dst: l.WestHost.LAN4})
	if err != nil || r.Received != 1 {
		t.Errorf("ping through the SA that is left: %+v, %v", r, err)
	}
	if _, err := l.West.IP(t.Context(), "xfrm", "state", "flush"); err != nil {
		t.Fatal(err)
	}
	if err := second.Remove(); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("Remove of a state that has gone: %v, want ESRCH", err)
	}
	nothingLeft(t, l.East, "state")
	nothingLeft(t, l.West, "policy")
}

// With a collect-metadata XFRM interface, decapsulated packets arrive on that interface and are still
// admitted; its capture contains packets without a link header.
func TestXFRMInterface(t *testing.T) {
	l := newLab(t)
	for _, args := range [][]string{{"link", "add", "ipsec0", "type", "xfrm", "external"}, {"link", "set", "ipsec0", "up"}} {
		if _, err := l.West.IP(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range families(l) {
		t.Run(f.name, func(t *testing.T) {
			sa := install(t, lab.Tunnel{From: l.East, To: l.West, AnyFamily: true})
			protect(t, sa, f.eastHost, f.westHost)
			stop, stopWAN := startCapture(t, l.West, "ipsec0"), startCapture(t, l.West, lab.WAN)
			const count = 5
			r, err := l.EastHost.Ping(within(t, time.Minute), lab.Ping{Dst: f.westHost, Count: count})
			if err != nil || r.Received != count {
				t.Errorf("ping: %+v, %v", r, err)
			}
			there := lab.Match{Src: lab.Only(f.eastHost), Dst: lab.Only(f.westHost), Incoming: true}
			requests := stop().Select(there)
			if len(requests) != count || requests[0].Link != layers.LinkTypeRaw {
				t.Errorf("%d requests on ipsec0, want %d of %v", len(requests), count, layers.LinkTypeRaw)
			}
			onWAN := stopWAN()
			if got := onWAN.Count(lab.Match{SPI: sa.SPI, Incoming: true}); got != count {
				t.Errorf("%d frames of ESP on wan, want %d", got, count)
			}
			if got := onWAN.Count(there); got != 0 {
				t.Errorf("%d requests in clear on wan", got)
			}
			if err := sa.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
}

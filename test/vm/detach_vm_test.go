// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// traces are the commands whose output shows that something was attached.
var traces = []string{
	"link show type xfrm", "rule list", "-6 rule list", "route show table all type prohibit",
	"-6 route show table all type prohibit", "xfrm policy", "link show dev lan", "link show dev wan",
}

// Detach removes everything it attached, and the deletion of the last eroute everything installed for SAs.
// The routes are removed with the device, and traffic follows the remaining ones.
func TestDetach(t *testing.T) {
	b := newLab(t)
	sa := install(t, lab.Tunnel{From: b.East, To: b.West})
	var before []string
	for _, trace := range traces {
		before = append(before, ip(t, b.East, trace))
	}
	t.Run("attached", func(t *testing.T) {
		b.attach(t, lab.LAN)
		b.routeLANs(t)
		s := nets(lab.EastLAN4, lab.WestLAN4)
		b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: parseSAID(t, sa.TunSAID())})
		if ip(t, b.East, "xfrm policy") == before[5] {
			t.Error("attached, and no policy")
		}
		b.apply(t, eroute.Change{Op: eroute.OpClear})
	})
	for i, trace := range traces {
		if got := ip(t, b.East, trace); got != before[i] {
			t.Errorf("ip %s after detach:\n%s\nbefore attach:\n%s", trace, got, before[i])
		}
	}
	r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4})
	if err != nil || r.Received != 1 {
		t.Errorf("ping along the remaining route: %+v, %v", r, err)
	}
}

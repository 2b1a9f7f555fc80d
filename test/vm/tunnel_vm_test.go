// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// connect installs the SA from East to West and one back until the test ends, and makes West use the latter
// for packets from west to east, with a kernel policy without an if_id. It returns the SA from East to West.
func (b bench) connect(t *testing.T, tunnel lab.Tunnel, east, west netip.Prefix) *lab.SA {
	t.Helper()
	tunnel.From, tunnel.To = b.East, b.West
	there := install(t, tunnel)
	back := install(t, there.Reverse())
	b.answer(t, back, east, west)
	return there
}

// answer makes West use the SA for packets from west to east.
func (b bench) answer(t *testing.T, back *lab.SA, east, west netip.Prefix) {
	t.Helper()
	b.answerOnly(t, back, east, west, "")
}

// answerOnly is answer for packets that match upper, a selector of ip-xfrm(8).
func (b bench) answerOnly(t *testing.T, back *lab.SA, east, west netip.Prefix, upper string) {
	t.Helper()
	selector := fmt.Sprintf("src %s dst %s %s dir out", west, east, upper)
	ip(t, b.West, fmt.Sprintf("xfrm policy add %s tmpl src %s dst %s proto %s spi %#x reqid %d mode %s",
		selector, back.Src, back.Dst, back.Proto, back.SPI, back.ReqID, back.Mode))
	t.Cleanup(func() { ip(t, b.West, "xfrm policy delete "+selector) })
}

// install installs an SA until the test ends.
func install(t *testing.T, tunnel lab.Tunnel) *lab.SA {
	t.Helper()
	sa, err := tunnel.Install()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sa.Remove(); err != nil {
			t.Error(err)
		}
	})
	return sa
}

// identity is the name of an SA's state for ip-xfrm(8).
func identity(sa *lab.SA) string {
	return fmt.Sprintf("src %s dst %s proto %s spi %#x", sa.Src, sa.Dst, sa.Proto, sa.SPI)
}

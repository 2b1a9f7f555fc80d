// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Flows of one reqid share the SAs of each CPU, so that they request them once, whichever SA they use meanwhile. Without a
// reqid each flow requests its own.
func TestRequestsOnCPU(t *testing.T) {
	flow := func(host string) eroute.Selector {
		return eroute.Selector{Src: netip.MustParsePrefix(host + "/32"), Dst: netip.MustParsePrefix("10.2.0.1/32")}
	}
	a, b := flow("10.1.0.1"), flow("10.1.0.2")
	with := requestParams{AcquireParams: eroute.AcquireParams{ReqID: 7, Spread: eroute.SpreadCPU}}
	without := requestParams{AcquireParams: eroute.AcquireParams{Spread: eroute.SpreadCPU}}
	if with.onCPU(a, 1) != with.onCPU(b, 1) || with.onCPU(a, 1) == with.onCPU(a, 0) {
		t.Error("with a reqid")
	}
	if without.onCPU(a, 1) == without.onCPU(b, 1) {
		t.Error("without a reqid")
	}
}

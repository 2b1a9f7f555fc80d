// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// leakCheck finds the routes that packets fall back to when an ipsec device is removed, and its routes with it.
var leakCheck = check{"leak", "if an ipsec device is removed, no packet that was routed into it leaves in clear", routed, func(f *Facts) (found []Finding) {
	rest := f.withoutIPsec()
	for _, r := range f.Routes {
		if !f.intoRouted(&r) {
			continue
		}
		next, ok := rest.next(r)
		if !ok || f.isWatched(next.Dev) || next.Type != unix.RTN_UNICAST {
			continue
		}
		remedy := fmt.Sprintf("ip route add blackhole %s metric %d", r.Dst, r.Metric+1)
		if r.Table != unix.RT_TABLE_MAIN {
			remedy += fmt.Sprintf(" table %d", r.Table)
		}
		found = append(found, Finding{
			Level: Problem, Subject: r.Dst.String(),
			Text:   fmt.Sprintf("without %s, packets to %s would leave through %s by the route to %s", r.Dev, r.Dst, nameOr(next.Dev, "other interfaces"), next.Dst),
			Cost:   "protected packets leave in clear when the device is removed or set down",
			Remedy: remedy,
		})
	}
	return found
}}

// routeKey identifies the routes to one prefix in one table.
type routeKey struct {
	table int
	dst   netip.Prefix
}

// routing maps each prefix to its best route.
type routing map[routeKey]Route

// withoutIPsec returns the routing without the routes into ipsec devices.
func (f *Facts) withoutIPsec() routing {
	best := make(routing)
	for _, r := range f.Routes {
		key := routeKey{r.Table, r.Dst}
		if have, ok := best[key]; !r.IPsec && (!ok || r.Metric < have.Metric) {
			best[key] = r
		}
	}
	return best
}

// next returns the route that packets of r take after r is removed: longest prefix match in its table, then in the
// main table.
func (all routing) next(r Route) (Route, bool) {
	for _, table := range []int{r.Table, unix.RT_TABLE_MAIN} {
		for bits := r.Dst.Bits(); bits >= 0; bits-- {
			shorter, _ := r.Dst.Addr().Prefix(bits)
			if next, ok := all[routeKey{table, shorter}]; ok && next.Type != unix.RTN_THROW {
				return next, true
			}
		}
	}
	return Route{}, false
}

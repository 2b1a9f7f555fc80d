// SPDX-License-Identifier: Apache-2.0

package maps

import "github.com/ipsec-eroute/eroute/pkg/eroute"

// indexFamilies are the address families, in the order of arrays by family.
var indexFamilies = [...]eroute.Family{eroute.Inet, eroute.Inet6}

// indexOf returns the place of a selector's family in them.
func indexOf(s eroute.Selector) int {
	if s.Src.Addr().Is4() {
		return 0
	}
	return 1
}

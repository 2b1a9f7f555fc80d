// SPDX-License-Identifier: Apache-2.0

package abi

import "github.com/ipsec-eroute/eroute/pkg/eroute"

// Families are the address families, in the order of arrays that are indexed by family.
var Families = [...]eroute.Family{eroute.Inet, eroute.Inet6}

// FamilyIndex returns the index of a selector's family in Families.
func FamilyIndex(s eroute.Selector) int {
	if s.Src.Addr().Is4() {
		return 0
	}
	return 1
}

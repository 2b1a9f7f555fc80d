// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"context"
	"net/netip"
)

// Resolver looks host names up. network is "ip4" (A records) or "ip6" (AAAA).
// [*net.Resolver] is one. Where a nil Resolver is given, host names are refused.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

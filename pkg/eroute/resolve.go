// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Resolver looks up host names. network is "ip4" (A records) or "ip6" (AAAA records). [*net.Resolver]
// implements it. With a nil Resolver host names are refused.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// resolve returns the host's distinct addresses of one family in ascending order, or none.
func resolve(ctx context.Context, host string, family Family, r Resolver) ([]netip.Addr, error) {
	if r == nil {
		return nil, errors.New("not an address, and host names are not resolved here")
	}
	answers, err := r.LookupNetIP(ctx, family.network(), host)
	if err != nil && !isNoAddress(err) {
		return nil, fmt.Errorf("look up host name: %w", err)
	}
	var addrs []netip.Addr
	for _, addr := range answers {
		if family == Inet {
			addr = addr.Unmap() // net.Resolver may return A records as IPv4-mapped
		}
		if FamilyOf(addr) == family && addr.Zone() == "" {
			addrs = append(addrs, addr)
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), nil
}

// isNoAddress distinguishes the answer "no such address" from a failed lookup.
func isNoAddress(err error) bool {
	if dnsErr, ok := errors.AsType[*net.DNSError](err); ok {
		return dnsErr.IsNotFound
	}
	_, ok := errors.AsType[*net.AddrError](err) // the name has addresses, but of the other family
	return ok
}

// families returns the families to try for a host name if want was given; 0: any.
func families(want Family) []Family {
	if want != 0 {
		return []Family{want}
	}
	return []Family{Inet, Inet6}
}

// noAddress is the reason for which a host name without address is refused.
func noAddress(want Family) error {
	if want == 0 {
		return errors.New("host name has no address")
	}
	return fmt.Errorf("host name has no %s address", want.version())
}

// severalAddresses is the reason for which an ambiguous host name is refused.
func severalAddresses(addrs []netip.Addr) error {
	texts := make([]string, len(addrs))
	for i, addr := range addrs {
		texts[i] = addr.String()
	}
	return fmt.Errorf("host name has several addresses: %s", strings.Join(texts, ", "))
}

// isHostName reports whether text has the syntax of a host name (RFC 1123, and also _).
func isHostName(text string) bool {
	if len(text) > 254 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(text, "."), ".") {
		if label == "" || len(label) > 63 || strings.ContainsFunc(label, notInHostName) {
			return false
		}
	}
	return true
}

func notInHostName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

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

// Resolver looks host names up. network is "ip4" (A records) or "ip6" (AAAA).
// [*net.Resolver] is one. Where a nil Resolver is given, host names are refused.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// resolve returns the host's different addresses of one family in ascending
// order, none if it has none.
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

// isNoAddress tells the answer "no such address" from a lookup that failed.
func isNoAddress(err error) bool {
	if dnsErr, ok := errors.AsType[*net.DNSError](err); ok {
		return dnsErr.IsNotFound
	}
	_, ok := errors.AsType[*net.AddrError](err) // the name has addresses, but of the other family
	return ok
}

// families returns those to try for a host name where want was asked for, 0 for any.
func families(want Family) []Family {
	if want != 0 {
		return []Family{want}
	}
	return []Family{Inet, Inet6}
}

// noAddress is the reason to refuse a host name without address.
func noAddress(want Family) error {
	if want == 0 {
		return errors.New("host name has no address")
	}
	return fmt.Errorf("host name has no %s address", want.version())
}

// severalAddresses is the reason to refuse a host name that is ambiguous.
func severalAddresses(addrs []netip.Addr) error {
	texts := make([]string, len(addrs))
	for i, addr := range addrs {
		texts[i] = addr.String()
	}
	return fmt.Errorf("host name has several addresses: %s", strings.Join(texts, ", "))
}

// isHostName reports whether text has the form of a host name (RFC 1123, and _).
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

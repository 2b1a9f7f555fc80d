// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
)

// defaultText is the text of a family's prefix of length 0.
const defaultText = "%default"

// ParsePrefix parses a prefix of the family; 0: the family that the text shows. The text is ADDRESS/BITS, for
// IPv4 also ADDRESS/MASK with a contiguous mask as four parts or as 0x and 8 hexadecimal digits, or %default.
// Trailing parts that an IPv4 address lacks are zero: 10.0.1/24. The address may be a host name. Several
// addresses of a host are accepted only if all are in the same prefix; without a family its IPv4 addresses are
// looked up first. Host bits are masked off. Returns [ErrNeedFamily] for %default without a family.
func ParsePrefix(ctx context.Context, text string, family Family, r Resolver) (netip.Prefix, error) {
	prefix, err := parsePrefix(ctx, text, family, r)
	if err != nil {
		return netip.Prefix{}, refuse(text, err)
	}
	return prefix, nil
}

// parsePrefix is [ParsePrefix], but returns only the reason as error.
func parsePrefix(ctx context.Context, text string, family Family, r Resolver) (netip.Prefix, error) {
	if text == defaultText {
		return defaultPrefix(family)
	}
	host, mask, ok := strings.Cut(text, "/")
	if !ok {
		return netip.Prefix{}, errors.New("no '/' and mask after the address")
	}
	addr, err := parseLiteral(host, 1)
	if err != nil {
		return netip.Prefix{}, err
	}
	if !addr.IsValid() {
		return resolvePrefix(ctx, host, mask, family, r)
	}
	if err := checkFamily(addr, family); err != nil {
		return netip.Prefix{}, err
	}
	length, err := parseMask(mask, FamilyOf(addr))
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(addr, length).Masked(), nil
}

func defaultPrefix(family Family) (netip.Prefix, error) {
	switch family {
	case Inet:
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0), nil
	case Inet6:
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0), nil
	}
	return netip.Prefix{}, ErrNeedFamily
}

// resolvePrefix returns the prefix of the host's addresses.
func resolvePrefix(ctx context.Context, host, mask string, family Family, r Resolver) (netip.Prefix, error) {
	usable, err := maskFamilies(mask, family)
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, f := range usable {
		addrs, err := resolve(ctx, host, f, r)
		if err != nil {
			return netip.Prefix{}, err
		}
		if len(addrs) == 0 {
			continue
		}
		length, err := parseMask(mask, f)
		if err != nil {
			return netip.Prefix{}, err
		}
		prefix := netip.PrefixFrom(addrs[0], length).Masked()
		for _, addr := range addrs {
			if !prefix.Contains(addr) {
				return netip.Prefix{}, severalAddresses(addrs)
			}
		}
		return prefix, nil
	}
	return netip.Prefix{}, noAddress(family)
}

// maskFamilies returns the candidate families that can have the mask.
func maskFamilies(mask string, want Family) ([]Family, error) {
	var usable []Family
	var firstErr error
	for _, f := range families(want) {
		_, err := parseMask(mask, f)
		if err == nil {
			usable = append(usable, f)
		} else if firstErr == nil {
			firstErr = err
		}
	}
	if len(usable) == 0 {
		return nil, firstErr
	}
	return usable, nil
}

// parseMask returns the length of the mask in bits.
func parseMask(text string, family Family) (int, error) {
	if isDigits(text) {
		return parseLength(text, family)
	}
	if family == Inet6 {
		return 0, errors.New("an IPv6 mask is a number of bits")
	}
	addr, err := parseIPv4(text, 4)
	if err != nil {
		return 0, fmt.Errorf("bad mask %q: %w", text, err)
	}
	octets := addr.As4()
	mask := binary.BigEndian.Uint32(octets[:])
	length := bits.LeadingZeros32(^mask)
	if mask<<length != 0 {
		return 0, fmt.Errorf("mask %q is not contiguous", text)
	}
	return length, nil
}

// parseLength parses a mask that is a number of bits.
func parseLength(text string, family Family) (int, error) {
	if len(text) > 1 && text[0] == '0' {
		return 0, fmt.Errorf("leading zero in mask %q is ambiguous", text)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n > family.bits() {
		return 0, fmt.Errorf("an %s mask has at most %d bits", family.version(), family.bits())
	}
	return n, nil
}

// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ParseAddr parses an address of the family; 0: either. IPv4 is written as four decimal parts or as 0x and 8
// hexadecimal digits, IPv6 as in RFC 4291 without zone. A host name must have exactly one address. Without a
// family the host name's IPv4 addresses are looked up first. An IPv4-mapped IPv6 address stays IPv6.
func ParseAddr(ctx context.Context, text string, family Family, r Resolver) (netip.Addr, error) {
	addr, err := parseAddr(ctx, text, family, r)
	if err != nil {
		return netip.Addr{}, refuse(text, err)
	}
	return addr, nil
}

// parseAddr is [ParseAddr], but returns only the reason as error.
func parseAddr(ctx context.Context, text string, family Family, r Resolver) (netip.Addr, error) {
	addr, err := parseLiteral(text, 4)
	if err != nil {
		return netip.Addr{}, err
	}
	if addr.IsValid() {
		return addr, checkFamily(addr, family)
	}
	for _, f := range families(family) {
		addrs, err := resolve(ctx, text, f, r)
		switch {
		case err != nil:
			return netip.Addr{}, err
		case len(addrs) > 1:
			return netip.Addr{}, severalAddresses(addrs)
		case len(addrs) == 1:
			return addrs[0], nil
		}
	}
	return netip.Addr{}, noAddress(family)
}

// TextFamily returns the family that the text of an address or prefix shows. Returns 0 for a host name, for
// %default and for text that is not an address.
func TextFamily(text string) Family {
	host, _, _ := strings.Cut(text, "/")
	addr, err := parseLiteral(host, 1)
	if err != nil {
		return 0
	}
	return FamilyOf(addr)
}

// checkFamily refuses an address of another family; 0: accept any.
func checkFamily(addr netip.Addr, want Family) error {
	if got := FamilyOf(addr); want != 0 && got != want {
		return fmt.Errorf("is %s, not %s", got.version(), want.version())
	}
	return nil
}

// parseLiteral parses a numeric address, IPv4 with at least minParts parts. Returns the zero Addr if text is a
// host name.
func parseLiteral(text string, minParts int) (netip.Addr, error) {
	switch {
	case strings.Contains(text, ":"):
		return parseIPv6(text)
	case isNumeric(text):
		return parseIPv4(text, minParts)
	case !isHostName(text):
		return netip.Addr{}, errors.New("neither an address nor a host name")
	}
	return netip.Addr{}, nil
}

// isNumeric reports whether text can only be an IPv4 address: its last part is a number. No host name ends in
// one (RFC 1123, section 2.1). C libraries would accept 10.1 as 10.0.0.1.
func isNumeric(text string) bool {
	text = strings.TrimSuffix(text, ".")
	last := text[strings.LastIndex(text, ".")+1:]
	return strings.HasPrefix(last, "0x") || strings.HasPrefix(last, "0X") ||
		isDigits(last)
}

// isDigits reports whether text consists of one or more decimal digits.
func isDigits(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text != ""
}

func parseIPv6(text string) (netip.Addr, error) {
	if strings.Contains(text, "%") {
		return netip.Addr{}, errors.New("an IPv6 address with a zone is not accepted")
	}
	addr, err := netip.ParseAddr(text)
	if err != nil || !addr.Is6() {
		return netip.Addr{}, errors.New("not an IPv6 address")
	}
	return addr, nil
}

// parseIPv4 parses minParts to four decimal parts, of which missing ones are zero, or 0x and 8 hexadecimal
// digits.
func parseIPv4(text string, minParts int) (netip.Addr, error) {
	if hex, ok := strings.CutPrefix(text, "0x"); ok {
		return parseHex4(hex)
	}
	var addr [4]byte
	parts := strings.Count(text, ".") + 1
	if parts < minParts || parts > 4 {
		return netip.Addr{}, fmt.Errorf("not an IPv4 address: %d parts", parts)
	}
	for i := range parts {
		part, rest, _ := strings.Cut(text, ".")
		n, err := parsePart(part)
		if err != nil {
			return netip.Addr{}, err
		}
		addr[i], text = n, rest
	}
	return netip.AddrFrom4(addr), nil
}

// parsePart parses one decimal part of an IPv4 address.
func parsePart(text string) (byte, error) {
	n, err := strconv.ParseUint(text, 10, 8)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("not an IPv4 address: part %q", text)
	case len(text) > 1 && text[0] == '0':
		return 0, fmt.Errorf("leading zero in %q is ambiguous", text)
	case err != nil:
		return 0, fmt.Errorf("part %q of the IPv4 address is over 255", text)
	}
	return byte(n), nil
}

// parseHex4 parses the 8 hexadecimal digits of an IPv4 address.
func parseHex4(hex string) (netip.Addr, error) {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 8 {
		return netip.Addr{}, errors.New("an IPv4 address or mask after 0x has 8 hexadecimal digits")
	}
	var addr [4]byte
	binary.BigEndian.PutUint32(addr[:], uint32(n))
	return netip.AddrFrom4(addr), nil
}

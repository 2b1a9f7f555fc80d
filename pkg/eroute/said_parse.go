// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// magicNames are the texts of the magic SAIDs without their %.
var magicNames = map[string]SAID{
	"pass": Pass, "passthrough": Pass, "passthrough4": Pass, "passthrough6": Pass,
	"drop": Drop, "reject": Reject, "hold": Hold, "trap": Trap, "trapsubnet": TrapSubnet, "xfrm": XFRM,
}

var (
	errSAIDForm = errors.New("not a SAID (want PROTO.HEX@IPV4, PROTO:HEX@IPV6, PROTO and a number @ADDRESS, or a magic one such as %pass)")
	errSPIRange = errors.New("SPI must fit in 32 bits")
	errSPISmall = fmt.Errorf("SPI must be at least %#x", minSPI)
)

// ParseSAID parses the text form of a SAID, see ipsec_eroute(8): a magic SAID, proto.HEX@v4, proto:HEX@v6, or
// protoN@address with N in the format of [ParseNumber]. Protocol and magic names are lower case; the address
// has the format of [ParseAddr]. A bundle is a list of SAs separated by +, see [NewBundle]. A group of SAs is a list
// separated by commas, which can end with %trap, a slash, flow, failover or cpu, and optionally a slash and the seconds of
// [SAID.ReturnAfter].
func ParseSAID(ctx context.Context, text string, r Resolver) (SAID, error) {
	parse := parseMember
	if strings.Contains(text, ",") {
		parse = parseGroup
	}
	said, err := parse(ctx, text, r)
	if err != nil {
		return SAID{}, refuse(text, err)
	}
	return said, nil
}

var errNoSpread = errors.New("several SAs need --spread flow, failover or cpu")

// parseGroup parses a group of SAs, and returns only the reason as error.
func parseGroup(ctx context.Context, text string, r Resolver) (SAID, error) {
	list, name, ok := strings.Cut(text, "/")
	if !ok {
		return SAID{}, errNoSpread
	}
	name, seconds, later := strings.Cut(name, "/")
	spread, err := ParseSpread(name)
	if err != nil {
		return SAID{}, fmt.Errorf("spread %w", err)
	}
	var after time.Duration
	if later {
		if after, err = ParseReturnAfter(seconds); err != nil {
			return SAID{}, fmt.Errorf("return after %w", err)
		}
	}
	texts := strings.Split(list, ",")
	if len(texts) > MaxMembers+1 {
		return SAID{}, errGroupSize
	}
	members := make([]SAID, len(texts))
	for i, t := range texts {
		if members[i], err = parseMember(ctx, t, r); err != nil {
			return SAID{}, fmt.Errorf("%q: %w", t, err)
		}
	}
	group, err := NewGroup(spread, members...)
	if err != nil {
		return SAID{}, err
	}
	return group.WithReturnAfter(after)
}

// parseMember parses a SAID that is no group, and returns only the reason as error.
func parseMember(ctx context.Context, text string, r Resolver) (SAID, error) {
	texts := strings.Split(text, "+")
	if len(texts) == 1 || !strings.Contains(texts[0], "@") { // a sign of the SPI
		return parseSAID(ctx, text, r)
	}
	sas := make([]SAID, len(texts))
	for i, t := range texts {
		var err error
		if sas[i], err = parseSAID(ctx, t, r); err != nil {
			return SAID{}, fmt.Errorf("%q: %w", t, err)
		}
	}
	return NewBundle(sas...)
}

// parseSAID parses a SAID that is neither bundle nor group, and returns only the reason as error.
func parseSAID(ctx context.Context, text string, r Resolver) (SAID, error) {
	if name, ok := strings.CutPrefix(text, "%"); ok {
		said, ok := magicNames[name]
		if !ok {
			return SAID{}, errors.New("unknown magic SAID (want %pass, %drop, %reject, %hold, %trap, %trapsubnet or %xfrm)")
		}
		return said, nil
	}
	name, edst, ok := strings.Cut(text, "@")
	if !ok {
		return SAID{}, errSAIDForm
	}
	proto, number, err := cutProtocol(name)
	if err != nil {
		return SAID{}, err
	}
	spi, family, err := parseTextSPI(number)
	if err != nil {
		return SAID{}, err
	}
	dst, err := parseAddr(ctx, edst, family, r)
	if err != nil {
		return SAID{}, fmt.Errorf("destination %q: %w", edst, err)
	}
	return SAID{Proto: proto, SPI: spi, Dst: dst}, nil
}

// NewSAID builds a SAID from the values of --af, --edst, --spi and --proto. An error's text begins with the
// faulty option.
func NewSAID(ctx context.Context, af, edst, spi, proto string, r Resolver) (SAID, error) {
	family, err := ParseFamily(af)
	if err != nil {
		return SAID{}, fmt.Errorf("--af %w", err)
	}
	protoNumber, rest, err := cutProtocol(proto)
	if err != nil || rest != "" {
		return SAID{}, fmt.Errorf("--proto %w", refuse(proto, errSAIDProtocol))
	}
	spiNumber, err := parseSPI(spi)
	if err != nil {
		return SAID{}, fmt.Errorf("--spi %w", refuse(spi, err))
	}
	dst, err := ParseAddr(ctx, edst, family, r)
	if err != nil {
		return SAID{}, fmt.Errorf("--edst %w", err)
	}
	return SAID{Proto: protoNumber, SPI: spiNumber, Dst: dst}, nil
}

var errSAIDProtocol = errors.New("protocol must be ah, esp, comp or tun")

// cutProtocol cuts the protocol's name from the start of text.
func cutProtocol(text string) (proto uint8, rest string, err error) {
	for _, proto := range []uint8{ProtoAH, ProtoESP, ProtoComp, ProtoTun} {
		if rest, ok := strings.CutPrefix(text, ProtocolName(proto)); ok {
			return proto, rest, nil
		}
	}
	return 0, "", errSAIDProtocol
}

// parseTextSPI parses .HEX, :HEX or a number, and returns the family that this form requires of the address; 0:
// either.
func parseTextSPI(text string) (uint32, Family, error) {
	var family Family
	switch {
	case strings.HasPrefix(text, "."):
		family = Inet
	case strings.HasPrefix(text, ":"):
		family = Inet6
	default:
		spi, err := parseSPI(text)
		return spi, 0, err
	}
	n, err := strconv.ParseUint(text[1:], 16, 32)
	if errors.Is(err, strconv.ErrRange) {
		return 0, 0, errSPIRange
	}
	if err != nil {
		return 0, 0, fmt.Errorf("SPI %q is not hexadecimal digits", text[1:])
	}
	if n < minSPI {
		return 0, 0, errSPISmall
	}
	return uint32(n), family, nil
}

// parseSPI parses an SPI as a number.
func parseSPI(text string) (uint32, error) {
	n, err := parseNumber(text, 32)
	if errors.Is(err, errNumber) {
		return 0, fmt.Errorf("SPI is %w", err)
	}
	if err != nil {
		return 0, errSPIRange
	}
	if n < minSPI {
		return 0, errSPISmall
	}
	return uint32(n), nil
}

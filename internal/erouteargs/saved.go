// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// savedLine parses a line in the format of --save, the most frequent input, in a fifth of the time that the
// general parser takes. Returns false for all other lines, including invalid ones.
func savedLine(words []string) (c eroute.Change, ok bool) {
	if len(words) < 7 || len(words)%2 == 0 || words[0] != "--add" || words[1] != "--src" || words[3] != "--dst" {
		return c, false
	}
	s := &c.Selector
	if s.Src, ok = savedPrefix(words[2]); !ok {
		return c, false
	}
	if s.Dst, ok = savedPrefix(words[4]); !ok {
		return c, false
	}
	rest := words[5:]
	number := func(option string, bits int) uint16 {
		if len(rest) > 2 && rest[0] == option {
			// A leading zero means octal, and --save does not write 0: left to the general parser.
			if n, err := strconv.ParseUint(rest[1], 10, bits); err == nil && rest[1][0] != '0' {
				rest = rest[2:]
				return uint16(n)
			}
		}
		return 0
	}
	s.Proto = uint8(number("--transport-proto", 8))
	s.SrcPort = number("--src-port", 16)
	s.DstPort = number("--dst-port", 16)
	if len(rest) != 2 || rest[0] != "--said" || s.Validate() != nil {
		return c, false
	}
	c.Op = eroute.OpAdd
	c.SAID, ok = savedSAID(rest[1])
	return c, ok
}

// savedPrefix parses a masked prefix.
func savedPrefix(text string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(text)
	return p, err == nil && p == p.Masked()
}

// savedSAID parses a magic SAID, or one in the format of eroute.SAID.String.
func savedSAID(text string) (s eroute.SAID, ok bool) {
	if strings.HasPrefix(text, "%") {
		for _, s := range MagicSAIDs {
			if s.String() == text {
				return s, true
			}
		}
		return s, false
	}
	name, rest, _ := strings.Cut(text, "0x")
	for _, proto := range []uint8{eroute.ProtoTun, eroute.ProtoESP, eroute.ProtoAH, eroute.ProtoComp} {
		if eroute.ProtocolName(proto) == name {
			s.Proto = proto
		}
	}
	hex, addr, ok := strings.Cut(rest, "@")
	if !ok || s.Proto == 0 {
		return s, false
	}
	spi, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || strings.ContainsAny(hex, "ABCDEF") {
		return s, false
	}
	s.SPI = uint32(spi)
	s.Dst, err = netip.ParseAddr(addr)
	return s, err == nil && s.Action() == eroute.ActionSA
}

// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Packet parses the selector options of a packet.
func (r *Parser) Packet(p *cli.Parsed) (eroute.Packet, error) { return r.packet(selectorFieldsOf(p)) }

// PacketLine parses the line SRC DST [PROTO [SPORT [DPORT]]].
func (r *Parser) PacketLine(words []string) (eroute.Packet, error) {
	if len(words) < 2 || len(words) > 5 {
		return eroute.Packet{}, fmt.Errorf("%d words: want SRC DST [PROTO [SPORT [DPORT]]]", len(words))
	}
	return r.packet(wordFields(words))
}

// wordFields returns the fields of a line SRC DST [PROTO [SPORT [DPORT]]].
func wordFields(words []string) (f selectorFields) {
	fields := []*cli.Field{&f.src, &f.dst, &f.proto, &f.srcPort, &f.dstPort}
	for i, word := range words {
		*fields[i] = cli.Field{Name: []string{"SRC", "DST", "PROTO", "SPORT", "DPORT"}[i], Text: word}
	}
	return f
}

// packet parses the fields of a packet: those of a selector with a single source and destination.
func (r *Parser) packet(f selectorFields) (eroute.Packet, error) {
	s, err := r.selector(f, r.host)
	if err != nil {
		return eroute.Packet{}, err
	}
	return eroute.Packet{
		Src: s.Src.Addr(), Dst: s.Dst.Addr(), Proto: s.Proto, SrcPort: s.SrcPort, DstPort: s.DstPort,
	}, nil
}

// host parses an address, or a prefix that contains a single address.
func (r *Parser) host(text string, family eroute.Family) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := eroute.ParseAddr(r.ctx, text, family, r.resolver)
		return netip.PrefixFrom(addr, addr.BitLen()), err
	}
	prefix, err := r.prefix(text, family)
	if err == nil && !prefix.IsSingleIP() {
		err = &eroute.ValueError{Value: text, Err: errors.New("--lookup wants one address, not a prefix")}
	}
	return prefix, err
}

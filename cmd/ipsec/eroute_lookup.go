// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runLookup implements --lookup: it prints the eroute that a packet matches.
func runLookup(c *command) error {
	packet, err := c.parser().packet(selectorFieldsOf(&c.opts))
	if err != nil {
		return err
	}
	return c.lookup([]eroute.Packet{packet})
}

// runLookupBatch implements --lookup --batch: a lookup for each line.
func runLookupBatch(c *command) error {
	var (
		packets []eroute.Packet
		r       = c.parser()
	)
	err := c.eachLine("--batch", c.opts.Value(OptBatch), func(words []string) error {
		packet, err := r.packetLine(words)
		packets = append(packets, packet)
		return err
	})
	if err != nil {
		return err
	}
	return c.lookup(packets)
}

// packetLine parses the line SRC DST [PROTO [SPORT [DPORT]]].
func (r *parser) packetLine(words []string) (eroute.Packet, error) {
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
func (r *parser) packet(f selectorFields) (eroute.Packet, error) {
	s, err := r.selector(f, r.host)
	if err != nil {
		return eroute.Packet{}, err
	}
	return eroute.Packet{
		Src: s.Src.Addr(), Dst: s.Dst.Addr(), Proto: s.Proto, SrcPort: s.SrcPort, DstPort: s.DstPort,
	}, nil
}

// host parses an address, or a prefix that contains a single address.
func (r *parser) host(text string, family eroute.Family) (netip.Prefix, error) {
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

// lookup prints the eroute that each packet matches.
func (c *command) lookup(packets []eroute.Packet) (err error) {
	if c.opts.Has(OptExplain) {
		return c.explain(packets)
	}
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	c.note("packets to look up: %d", len(packets))
	if c.opts.Has(OptJSON) {
		return render.LookupsJSON(c.out, t, packets)
	}
	for _, packet := range packets {
		e, found, err := t.Lookup(packet)
		if err != nil {
			return err
		}
		answer := "none"
		if found {
			answer = e.String()
		}
		if _, err := fmt.Fprintln(c.out, answer); err != nil {
			return err
		}
	}
	return nil
}

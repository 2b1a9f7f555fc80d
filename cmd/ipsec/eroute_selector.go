// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// field is a text that the user gave, and what he gave it as: "--src".
type field struct{ name, text string }

func (f field) given() bool { return f.name != "" }

func (f field) String() string { return fmt.Sprintf("%s value %q", f.name, f.text) }

// refuse says which text was not accepted. The reason repeats the value.
func (f field) refuse(reason error) error { return fmt.Errorf("%s %w", f.name, reason) }

// field returns what was given for the option.
func (p *parsed) field(id optionID) field {
	if !p.has(id) {
		return field{}
	}
	return field{p.name(id), p.values[id]}
}

// selectorFields are the texts that make a selector, or a packet to look up.
type selectorFields struct {
	eraf, src, dst          field
	proto, srcPort, dstPort field
}

func (p *parsed) selectorFields() selectorFields {
	return selectorFields{
		eraf: p.field(optEraf), src: p.field(optSrc), dst: p.field(optDst),
		proto: p.field(optTransportProto), srcPort: p.field(optSrcPort), dstPort: p.field(optDstPort),
	}
}

// parser makes values of texts.
type parser struct {
	ctx      context.Context
	resolver eroute.Resolver
	names    func() *eroute.Names
	line     parsed // of a batch, the last
}

func (c *command) parser() *parser {
	return &parser{ctx: c.ctx, resolver: c.env.resolver, names: c.env.names}
}

// parsePrefixFunc parses one end of a selector.
type parsePrefixFunc func(text string, family eroute.Family) (netip.Prefix, error)

func (r *parser) prefix(text string, family eroute.Family) (netip.Prefix, error) {
	return eroute.ParsePrefix(r.ctx, text, family, r.resolver)
}

// selector parses all fields, the ends with parse.
func (r *parser) selector(f selectorFields, parse parsePrefixFunc) (s eroute.Selector, err error) {
	family, err := f.family()
	if err != nil {
		return s, err
	}
	if s.Src, s.Dst, err = f.ends(family, parse); err != nil {
		return s, err
	}
	if f.proto.given() {
		if s.Proto, err = eroute.ParseProtocol(f.proto.text, r.names()); err != nil {
			return s, f.proto.refuse(err)
		}
	}
	if s.SrcPort, err = r.port(f.srcPort, s.Proto); err != nil {
		return s, err
	}
	s.DstPort, err = r.port(f.dstPort, s.Proto)
	return s, err
}

func (r *parser) port(f field, proto uint8) (uint16, error) {
	if !f.given() {
		return 0, nil
	}
	port, err := eroute.ParsePort(f.text, proto, r.names())
	if err != nil {
		return 0, f.refuse(err)
	}
	return port, nil
}

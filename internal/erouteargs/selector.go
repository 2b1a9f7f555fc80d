// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// selectorFields are the texts of a selector, or of a packet to look up.
type selectorFields struct {
	eraf, src, dst          cli.Field
	proto, srcPort, dstPort cli.Field
}

func selectorFieldsOf(p *cli.Parsed) selectorFields {
	return selectorFields{
		eraf: p.Field(OptEraf), src: p.Field(OptSrc), dst: p.Field(OptDst),
		proto: p.Field(OptTransportProto), srcPort: p.Field(OptSrcPort), dstPort: p.Field(OptDstPort),
	}
}

// parsePrefixFunc parses a source or destination prefix.
type parsePrefixFunc func(text string, family eroute.Family) (netip.Prefix, error)

// selector parses all fields, source and destination with parse.
func (r *Parser) selector(f selectorFields, parse parsePrefixFunc) (s eroute.Selector, err error) {
	family, err := f.family()
	if err != nil {
		return s, err
	}
	if s.Src, s.Dst, err = f.ends(family, parse); err != nil {
		return s, err
	}
	if f.proto.Given() {
		if s.Proto, err = eroute.ParseProtocol(f.proto.Text, r.names()); err != nil {
			return s, f.proto.Refuse(err)
		}
	}
	if s.SrcPort, err = r.port(f.srcPort, s.Proto); err != nil {
		return s, err
	}
	s.DstPort, err = r.port(f.dstPort, s.Proto)
	return s, err
}

func (r *Parser) port(f cli.Field, proto uint8) (uint16, error) {
	if !f.Given() {
		return 0, nil
	}
	port, err := eroute.ParsePort(f.Text, proto, r.names())
	if err != nil {
		return 0, f.Refuse(err)
	}
	return port, nil
}

// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"context"
	"net/netip"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Parser converts texts to values. It is not safe for concurrent use.
type Parser struct {
	ctx      context.Context
	resolver eroute.Resolver
	names    func() *eroute.Names
	line     cli.Parsed // the current line of a batch
}

// NewParser returns a parser that looks up hosts with the resolver, until ctx ends, and protocols and services in
// names.
func NewParser(ctx context.Context, resolver eroute.Resolver, names func() *eroute.Names) *Parser {
	return &Parser{ctx: ctx, resolver: resolver, names: names}
}

// prefix parses a prefix, as a [parsePrefixFunc].
func (r *Parser) prefix(text string, family eroute.Family) (netip.Prefix, error) {
	return eroute.ParsePrefix(r.ctx, text, family, r.resolver)
}

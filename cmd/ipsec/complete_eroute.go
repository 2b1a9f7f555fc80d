// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

var erouteCompleter = cli.Completer[*command]{
	Options: erouteargs.Options,
	Choose:  chooseEroute,
	Common:  commonOptions,
	Values: map[cli.ID]func(*command, *cli.Parsed) []string{
		erouteargs.OptEraf:           cli.OneOf[*command]("inet", "inet6"),
		erouteargs.OptAf:             cli.OneOf[*command]("inet", "inet6"),
		erouteargs.OptSrc:            cli.OneOf[*command]("%default"),
		erouteargs.OptDst:            cli.OneOf[*command]("%default"),
		erouteargs.OptProto:          cli.OneOf[*command]("ah", "esp", "comp", "tun"),
		erouteargs.OptAcquireMode:    cli.OneOf[*command]("tunnel", "transport"),
		erouteargs.OptAcquireProto:   cli.OneOf[*command]("esp", "ah", "comp"),
		erouteargs.OptTransportProto: func(c *command, _ *cli.Parsed) []string { return c.env.names().Protocols() },
		erouteargs.OptSrcPort:        services,
		erouteargs.OptDstPort:        services,
		erouteargs.OptSAID:           saidTexts,
		erouteargs.OptSetAside:       saTexts,
		erouteargs.OptPutBack:        saTexts,
		erouteargs.OptSpread:         cli.OneOf[*command]("flow", "failover", "cpu"),
		erouteargs.OptEdst:           peers,
		erouteargs.OptAcquirePeer:    peers,
		erouteargs.OptSPI:            spis,
	},
}

// services returns the names of the ports of the protocol on the command line.
func services(c *command, p *cli.Parsed) []string {
	proto, err := eroute.ParseProtocol(p.Value(erouteargs.OptTransportProto), c.env.names())
	if err != nil {
		return nil
	}
	return c.env.names().Services(proto)
}

func saidTexts(c *command, _ *cli.Parsed) (texts []string) {
	for _, said := range append(slices.Clone(erouteargs.MagicSAIDs), c.env.saids()...) {
		texts = append(texts, said.String())
	}
	return texts
}

// saTexts returns existing SAs.
func saTexts(c *command, _ *cli.Parsed) []string { return distinct(c.env.saids(), eroute.SAID.String) }

// peers returns the destinations of existing SAs.
func peers(c *command, _ *cli.Parsed) []string {
	return distinct(c.env.saids(), func(s eroute.SAID) string { return s.Dst.String() })
}

func spis(c *command, p *cli.Parsed) []string {
	return distinct(c.env.saids(), func(s eroute.SAID) string {
		if peer := p.Value(erouteargs.OptEdst); peer != "" && peer != s.Dst.String() {
			return ""
		}
		return fmt.Sprintf("%#x", s.SPI)
	})
}

// distinct returns the texts of SAs without duplicates and empty ones.
func distinct(saids []eroute.SAID, text func(eroute.SAID) string) (texts []string) {
	for _, s := range saids {
		if t := text(s); t != "" && !slices.Contains(texts, t) {
			texts = append(texts, t)
		}
	}
	return texts
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runLookup implements --lookup: it prints the eroute that a packet matches.
func runLookup(c *command) error {
	packet, err := c.parser().Packet(&c.opts)
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
	err := c.eachLine("--batch", c.opts.Value(erouteargs.OptBatch), func(words []string) error {
		packet, err := r.PacketLine(words)
		packets = append(packets, packet)
		return err
	})
	if err != nil {
		return err
	}
	return c.lookup(packets)
}

// lookup prints the eroute that each packet matches.
func (c *command) lookup(packets []eroute.Packet) (err error) {
	if c.opts.Has(erouteargs.OptExplain) {
		return c.explain(packets)
	}
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	c.note("packets to look up: %d", len(packets))
	if c.opts.Has(erouteargs.OptJSON) {
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

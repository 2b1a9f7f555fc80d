// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// explanation is why a packet meets an eroute, and what becomes of it then.
type explanation struct {
	packet  eroute.Packet
	met     *eroute.Eroute  // what the kernel program says; nil: none
	matches []eroute.Eroute // what reading the table says, most specific first
	route   hop             // of the packet itself
	ipsec   bool            // whether that leads into an ipsec device

	sa   *saState // of the SA that was met
	next hop      // after the ipsec device; only if verdict is Sent
	outcome
}

// outcome is what the ipsec device does with a packet.
type outcome struct {
	verdict maps.Verdict
	reason  string // as --stats counts it
	detail  string // what there is to say of it; may be empty
}

// agrees tells whether the kernel program found what wins among all that match.
func (x *explanation) agrees() bool {
	if x.met == nil || len(x.matches) == 0 {
		return x.met == nil && len(x.matches) == 0
	}
	first := x.matches[0]
	return x.met.Selector == first.Selector && x.met.SAID == first.SAID
}

// decidedBy is the field by which the first match wins over the second, 0 if there are
// no two.
func (x *explanation) decidedBy() eroute.Field {
	if len(x.matches) < 2 {
		return 0
	}
	return eroute.DecidedBy(x.matches[0].Selector, x.matches[1].Selector)
}

// explainer explains the packets of one command.
type explainer struct {
	table   table
	around  surroundings
	devices []device.Attachment
	relay   bool
}

// explain prints for each packet which eroutes match, which wins, why, and what is next.
// An error tells that the kernel program and the table disagree about some.
func (c *command) explain(packets []eroute.Packet) (err error) {
	x := &explainer{}
	if x.devices, err = c.listDevices(); err != nil {
		return err
	}
	if x.around, err = c.env.surroundings(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.around.Close()) }()
	if x.table, err = c.openForReading(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.table.Close()) }()
	if x.relay, err = x.table.RelayRuns(); err != nil {
		return err
	}
	c.note("packets to explain: %d", len(packets))
	matches, err := newMatching(packets).of(x.table)
	if err != nil {
		return err
	}
	wrong := 0
	all := func(yield func(*explanation, error) bool) {
		for i, p := range packets {
			e, err := x.explain(p, matches[i])
			if err == nil && !e.agrees() {
				wrong++
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
	if c.opts.Has(optJSON) {
		err = writeExplanationsJSON(c.out, all)
	} else {
		err = writeExplanations(c.out, all)
	}
	if err == nil && wrong > 0 {
		err = fmt.Errorf("the kernel program and the table disagree about %d of %d packets: the table is damaged or being changed; if this persists, rebuild it by --save, --clear and --batch", wrong, len(packets))
	}
	return err
}

// explain explains one packet, of which it is known what matches it.
func (x *explainer) explain(p eroute.Packet, matches []eroute.Eroute) (e *explanation, err error) {
	e = &explanation{packet: p, matches: matches}
	for again := false; ; again = true {
		met, found, err := x.table.Lookup(p)
		if err != nil {
			return e, err
		}
		e.met = nil
		if found {
			e.met = &met
		}
		if e.agrees() || again {
			break
		}
		// A trap may have made or the relay ended a flow in between.
		fresh, err := newMatching([]eroute.Packet{p}).of(x.table)
		if err != nil {
			return e, err
		}
		e.matches = fresh[0]
	}
	e.route = x.around.Route(p.Dst, "")
	e.ipsec = slices.ContainsFunc(x.devices, func(a device.Attachment) bool { return a.Virtual == e.route.device })
	return e, x.proceed(e)
}

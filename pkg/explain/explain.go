// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"iter"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Table is the part of a [maps.Table] that explanations read.
type Table interface {
	Lookup(p eroute.Packet) (eroute.Eroute, bool, error)
	Matching(match func(eroute.Selector) bool) iter.Seq2[eroute.Eroute, error]
	IsOwnKeyExchange(p eroute.Packet, ifindex uint32) (bool, error)
	Member(p eroute.Packet, group eroute.SAID, cpu uint32) (eroute.SAID, error)
	SAReady(said eroute.SAID) (bool, error)
	SAUses() ([]maps.SAUse, error)
	IsAside(said eroute.SAID) (bool, error)
	RelayRuns() (bool, error)
}

// Explanation holds the eroutes that match a packet, and what happens to it then.
type Explanation struct {
	Packet  eroute.Packet
	Match   *eroute.Eroute  // found by the kernel program; nil: none
	Matches []eroute.Eroute // found by reading the table, most specific first
	Route   Hop             // of the packet itself
	IPsec   bool            // whether Route leads into an ipsec device
	Watched bool            // whether Route leads through a watched interface, or one whose members all are watched

	SA   *SA // named by Match; nil: none, also of a group none of whose SAs the packet can use
	Next Hop // of what is sent; only if Verdict is Sent
	Outcome
	Members []Member // of a group by CPU, in the order of the CPUs
	CPU     *int     // the CPU of SA, Next and Outcome, where the packet fares worst; nil: they are the same on all CPUs
	Assumed bool     // Outcome is that of a packet with a route into the ipsec device or through the watched interface
	Lost    bool     // Verdict is Sent, but XFRM or the ipsec device drops the packet, see Detail

	watcher   watcher // of Route
	unwatched string  // the interface of Route, or its member, that is not watched
}

// Outcome is what happens to a packet: in the ipsec device, or where it leaves.
type Outcome struct {
	Verdict maps.Verdict
	Reason  string // as counted by --stats; empty: it is not counted
	Detail  string // in addition; may be empty
}

// Consistent reports whether the kernel program found the most specific match of the table.
func (e *Explanation) Consistent() bool {
	if e.Match == nil || len(e.Matches) == 0 {
		return e.Match == nil && len(e.Matches) == 0
	}
	first := e.Matches[0]
	return e.Match.Selector == first.Selector && e.Match.SAID == first.SAID
}

// DecidedBy returns the field by which the first match wins over the second, 0 if there are fewer than two.
func (e *Explanation) DecidedBy() eroute.Field {
	if len(e.Matches) < 2 {
		return 0
	}
	return eroute.DecidedBy(e.Matches[0].Selector, e.Matches[1].Selector)
}

// explainer explains the packets of one command.
type explainer struct {
	table   Table
	kernel  KernelView
	devices []device.Attachment
	relay   bool // whether a relay is running
}

// Packets explains packets in the order given. The table is read once for all of them. An error of a single packet
// ends the sequence.
func Packets(t Table, k KernelView, devices []device.Attachment, packets []eroute.Packet) (iter.Seq2[*Explanation, error], error) {
	x := &explainer{table: t, kernel: k, devices: devices}
	var err error
	if x.relay, err = t.RelayRuns(); err != nil {
		return nil, err
	}
	matches, err := newMatcher(packets).match(t)
	if err != nil {
		return nil, err
	}
	return func(yield func(*Explanation, error) bool) {
		for i, p := range packets {
			if e, err := x.explain(p, matches[i]); !yield(e, err) || err != nil {
				return
			}
		}
	}, nil
}

// explain explains one packet, given its matches.
func (x *explainer) explain(p eroute.Packet, matches []eroute.Eroute) (e *Explanation, err error) {
	e = &Explanation{Packet: p, Matches: matches}
	for again := false; ; again = true {
		match, found, err := x.table.Lookup(p)
		if err != nil {
			return e, err
		}
		e.Match = nil
		if found {
			e.Match = &match
		}
		if e.Consistent() || again {
			break
		}
		// A trap may have created, or the relay deleted, a flow in between.
		fresh, err := newMatcher([]eroute.Packet{p}).match(x.table)
		if err != nil {
			return e, err
		}
		e.Matches = fresh[0]
	}
	return e, x.judge(e)
}

// Fate explains what happens to one packet that matches an eroute, nil for none. It does not look the packet up, so
// that it can also explain a table or devices that do not exist yet: Matches is empty.
func Fate(t Table, k KernelView, devices []device.Attachment, p eroute.Packet, match *eroute.Eroute) (*Explanation, error) {
	x := &explainer{table: t, kernel: k, devices: devices}
	var err error
	if x.relay, err = t.RelayRuns(); err != nil {
		return nil, err
	}
	e := &Explanation{Packet: p, Match: match}
	return e, x.judge(e)
}

// judge determines the route of the packet and what happens to it.
func (x *explainer) judge(e *Explanation) error {
	e.Route = x.kernel.Route(e.Packet.Dst, "")
	e.IPsec = x.isVirtual(e.Route.Device)
	e.watcher, e.unwatched = x.watcherOf(e.Route.Device)
	e.Watched = e.watcher.device != nil
	return x.decide(e)
}

// isVirtual reports whether an interface is an ipsec device.
func (x *explainer) isVirtual(name string) bool {
	return slices.ContainsFunc(x.devices, func(a device.Attachment) bool { return a.Virtual == name })
}

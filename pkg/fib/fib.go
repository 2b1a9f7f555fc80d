// SPDX-License-Identifier: Apache-2.0

// Package fib looks up the kernel's route for packets that the gateway sends, by all fields that routing rules
// can match.
package fib

import (
	"errors"
	"net/netip"

	"github.com/cilium/ebpf"
)

// Packet has the fields of a local packet that rules and routes can match.
type Packet struct {
	Src, Dst         netip.Addr // Src may be unspecified
	Proto            uint8      // 0: unspecified
	SrcPort, DstPort uint16
	Mark             uint32
}

// Hop is the result of a route lookup.
type Hop struct {
	Ifindex int
	Via     netip.Addr // next hop; zero: the destination is on-link
}

// ErrNoRoute is returned if a packet has no route, or one that leads nowhere.
var ErrNoRoute = errors.New("no route")

// errNotReported means that this kind of lookup is unavailable, and that another one can be tried.
var errNotReported = errors.New("not reported by the kernel")

// Router looks up routes in the calling thread's network namespace, and caches the results. The zero value is
// ready to use.
type Router struct {
	programs map[bool]*ebpf.Program // by whether they look up with a mark
	answers  map[Packet]answer
}

type answer struct {
	hop Hop
	err error
}

// Output returns the kernel's route for a packet that the gateway sends, or ErrNoRoute. Results are cached by
// packet.
//
// A BPF program gets the exact result. Without the privilege to load one, and on a gateway that does not
// forward, Output falls back to rtnetlink, which treats packets of protocols other than TCP, UDP and ICMP as
// UDP.
func (r *Router) Output(p Packet) (Hop, error) {
	if a, ok := r.answers[p]; ok {
		return a.hop, a.err
	}
	hop, err := r.outputBPF(p)
	if errors.Is(err, errNotReported) {
		hop, err = outputNetlink(p)
	}
	if r.answers == nil {
		r.answers = make(map[Packet]answer)
	}
	r.answers[p] = answer{hop, err}
	return hop, err
}

// Close closes the loaded programs.
func (r *Router) Close() error {
	var errs []error
	for _, prog := range r.programs {
		errs = append(errs, prog.Close())
	}
	return errors.Join(errs...)
}

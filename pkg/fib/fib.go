// SPDX-License-Identifier: Apache-2.0

// Package fib asks the kernel where it routes what the gateway sends, with all that routing rules may
// look at.
package fib

import (
	"errors"
	"net/netip"

	"github.com/cilium/ebpf"
)

// Packet is what rules and routes see of a packet that the gateway sends.
type Packet struct {
	Src, Dst         netip.Addr // Src may be unspecified
	Proto            uint8      // 0: not known to routing
	SrcPort, DstPort uint16
	Mark             uint32
}

// Hop is where a packet goes.
type Hop struct {
	Ifindex int
	Via     netip.Addr // next hop; zero: the destination itself
}

// ErrNoRoute says that routing has no way for a packet, or one that leads nowhere.
var ErrNoRoute = errors.New("no route")

// errUnknown says that the kernel cannot be asked this way.
var errUnknown = errors.New("the kernel does not tell")

// Router asks the kernel of the calling thread's network namespace. The zero value is one that has not
// asked yet.
type Router struct {
	programs map[bool]*ebpf.Program // by whether they ask with a mark
	answers  map[Packet]answer
}

type answer struct {
	hop Hop
	err error
}

// Output returns where the kernel routes a packet that the gateway sends. Returns ErrNoRoute if it
// does not. It asks once for packets that are the same to routing.
//
// The kernel answers exactly to a BPF program. Who may not load one, and a gateway that does not
// forward, gets the answer of rtnetlink, which takes packets of protocols other than TCP, UDP and
// ICMP for UDP.
func (r *Router) Output(p Packet) (Hop, error) {
	if a, ok := r.answers[p]; ok {
		return a.hop, a.err
	}
	hop, err := r.outputBPF(p)
	if errors.Is(err, errUnknown) {
		hop, err = outputNetlink(p)
	}
	if r.answers == nil {
		r.answers = make(map[Packet]answer)
	}
	r.answers[p] = answer{hop, err}
	return hop, err
}

// Close frees what it asks with.
func (r *Router) Close() error {
	var errs []error
	for _, prog := range r.programs {
		errs = append(errs, prog.Close())
	}
	return errors.Join(errs...)
}

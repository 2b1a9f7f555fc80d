// SPDX-License-Identifier: Apache-2.0

package lookup

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// PinName is the program's name and that of its pin.
const PinName = "eroute_lookup"

// ErrNotIP is returned if the program does not accept the bytes as an IP packet.
var ErrNotIP = errors.New("not an IP packet")

// Program is the lookup program of a table. No run counts or changes anything.
type Program struct{ prog *ebpf.Program }

// Open opens the pinned program. dir is the pin directory.
func Open(dir *loader.Dir, options *ebpf.LoadPinOptions) (*Program, error) {
	prog, err := ebpf.LoadPinnedProgram(dir.Path(PinName), options)
	if err != nil {
		return nil, fmt.Errorf("open lookup program: %w", err)
	}
	return &Program{prog}, nil
}

// Close closes the program. Its pin stays.
func (l *Program) Close() error { return l.prog.Close() }

// Result is what a packet matches.
type Result struct {
	Status   bpf.ABILookupStatus // LOOKUP_NONE, LOOKUP_FOUND or LOOKUP_FLOW
	Selector eroute.Selector     // of the eroute or the flow
	ID       uint32              // of the eroute's counters
	SA       uint32              // slot of the SA; if the eroute has a group, that of the packet's member
}

// Run returns what the packet of an Ethernet frame matches. p holds the frame's fields that selectors compare.
// Returns ErrNotIP if the program finds no IP packet.
func (l *Program) Run(frame []byte, p eroute.Packet) (Result, error) { return l.RunOn(frame, p, 0) }

// RunOn is Run for a packet that is on one CPU, which can select the SA.
func (l *Program) RunOn(frame []byte, p eroute.Packet, cpu uint32) (Result, error) {
	var in, out pinned.SKBContext
	in.CB[bpf.ABILookupCbLOOKUP_CPU] = cpu
	ret, err := pinned.Run(l.prog, frame, &in, &out)
	if err != nil {
		return Result{}, fmt.Errorf("run lookup program: %w", err)
	}
	r := Result{Status: bpf.ABILookupStatus(out.CB[bpf.ABILookupCbLOOKUP_STATUS]), ID: out.CB[bpf.ABILookupCbLOOKUP_ID], SA: out.CB[bpf.ABILookupCbLOOKUP_SA]}
	switch r.Status {
	case bpf.ABILookupStatusLOOKUP_NONE:
		return r, nil
	case bpf.ABILookupStatusLOOKUP_NOT_IP:
		return Result{}, ErrNotIP
	case bpf.ABILookupStatusLOOKUP_FOUND, bpf.ABILookupStatusLOOKUP_FLOW:
	default:
		return Result{}, fmt.Errorf("run lookup program: answer %d, status %d", ret, r.Status)
	}
	r.Selector, err = matched(out.CB, p)
	return r, err
}

// IsOwnKeyExchange reports whether a packet that the gateway sends is its own key exchange. ifindex is that of the
// physical device; 0: none.
func (l *Program) IsOwnKeyExchange(p eroute.Packet, ifindex uint32) (bool, error) {
	frame, err := Frame(p)
	if err != nil {
		return false, err
	}
	in, out := pinned.SKBContext{Ifindex: ifindex}, pinned.SKBContext{}
	if _, err := pinned.Run(l.prog, frame, &in, &out); err != nil {
		return false, fmt.Errorf("run lookup program: %w", err)
	}
	return out.CB[bpf.ABILookupCbLOOKUP_LOCAL_IKE] != 0, nil
}

// ShortestTime runs the program once for each packet, and returns the shortest time, or 0 if there are no packets.
func (l *Program) ShortestTime(packets []eroute.Packet) (shortest time.Duration, err error) {
	for _, p := range packets {
		frame, err := Frame(p)
		if err != nil {
			return 0, err
		}
		took, err := pinned.RunTime(l.prog, frame)
		if err != nil {
			return 0, fmt.Errorf("run lookup program: %w", err)
		}
		if took = max(took, 1); shortest == 0 || took < shortest {
			shortest = took
		}
	}
	return shortest, nil
}

// matched builds the selector from the program's result and the packet.
func matched(cb [5]uint32, p eroute.Packet) (s eroute.Selector, err error) {
	lens := cb[bpf.ABILookupCbLOOKUP_SELECTOR]
	if s.Src, err = p.Src.Prefix(int(lens & 0xff)); err != nil {
		return s, err
	}
	if s.Dst, err = p.Dst.Prefix(int(lens >> 8 & 0xff)); err != nil {
		return s, err
	}
	switch bpf.ABIErouteTuple(lens >> 16) {
	case bpf.ABIErouteTupleTUPLE_SPORT_DPORT:
		s.Proto, s.SrcPort, s.DstPort = p.Proto, p.SrcPort, p.DstPort
	case bpf.ABIErouteTupleTUPLE_SPORT:
		s.Proto, s.SrcPort = p.Proto, p.SrcPort
	case bpf.ABIErouteTupleTUPLE_DPORT:
		s.Proto, s.DstPort = p.Proto, p.DstPort
	case bpf.ABIErouteTupleTUPLE_PROTO:
		s.Proto = p.Proto
	}
	return s, nil
}

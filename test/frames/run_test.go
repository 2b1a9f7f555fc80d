// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// xdpContext is struct xdp_md (include/uapi/linux/bpf.h).
type xdpContext struct {
	Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32
}

func (g *gateway) runXDP(frame []byte) (verdict, error) {
	in, out := xdpContext{DataEnd: uint32(len(frame)), IngressIfindex: g.lan}, xdpContext{}
	ret, err := g.xdp.Run(&ebpf.RunOptions{Data: frame, Context: in, ContextOut: &out, Repeat: 1})
	return verdict{ret: ret, handover: out.Data != out.DataMeta}, err
}

func runSKB(p *ebpf.Program, frame []byte, in pinned.SKBContext) (verdict, pinned.SKBContext, []byte, error) {
	var out pinned.SKBContext
	run := &ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame)+256), Context: in, ContextOut: &out, Repeat: 1}
	ret, err := p.Run(run)
	return verdict{ret: ret}, out, run.DataOut, err
}

func (g *gateway) runTC(frame []byte) (verdict, error) {
	v, _, out, err := runSKB(g.tc, frame, pinned.SKBContext{Ifindex: g.lan, IngressIfindex: g.lan})
	if err == nil && v.ret == tcRedirect {
		v.answered = true
		err = checkAnswer(out[14:], frame[14:])
	}
	return v, err
}

func (g *gateway) runEgress(packet []byte, from origin) (verdict, error) {
	in := pinned.SKBContext{Ifindex: g.dev}
	if from == forwarded || from == forwardedByXFRM {
		in.IngressIfindex = g.lan
	}
	if from == byXFRM || from == forwardedByXFRM {
		// inet_skb_parm.flags is at 20, inet6_skb_parm.flags at 16 of the control block, whose first eight
		// bytes are not accessible.
		in.CB[3], in.CB[2] = 1<<2, 0
		if etherType(packet) == etherIPv6 {
			in.CB[3], in.CB[2] = 0, 1
		}
	}
	v, out, _, err := runSKB(g.egress, packet, in)
	v.answered = out.Mark != 0 // the output interface of the answer
	return v, err
}

// found is the lookup program's result: status, and prefix lengths and tuple.
type found [2]uint32

func (f found) kind() int32 { return int32(f[0]) }

func (g *gateway) runLookup(frame []byte) (found, error) {
	_, out, _, err := runSKB(g.lookup, frame, pinned.SKBContext{})
	f := found{out.CB[bpf.ABILookupCbLOOKUP_STATUS], out.CB[bpf.ABILookupCbLOOKUP_SELECTOR]}
	return f, err
}

// lookup is the expected result of the lookup program.
func (o *oracle) lookup(s seen) found {
	if !s.isIP {
		return found{uint32(bpf.ABILookupStatusLOOKUP_NOT_IP)}
	}
	e := o.met(s.packet)
	if e == nil {
		return found{uint32(bpf.ABILookupStatusLOOKUP_NONE)}
	}
	return found{
		uint32(bpf.ABILookupStatusLOOKUP_FOUND),
		uint32(e.Selector.Src.Bits() | e.Selector.Dst.Bits()<<8 | int(abi.TupleOf(e.Selector))<<16),
	}
}

// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// FlowID names one flow of all that ever were: another may have the same selector later.
// A %hold of the table has the serial 0.
type FlowID struct {
	Selector eroute.Selector
	Serial   uint64
}

func newFlowKey(s eroute.Selector, generation uint32) bpf.ABIFlowKey {
	return bpf.ABIFlowKey{
		Generation:   generation,
		Family:       uint8(eroute.FamilyOf(s.Src.Addr())),
		Proto:        s.Proto,
		SrcPrefixlen: uint8(s.Src.Bits()),
		DstPrefixlen: uint8(s.Dst.Bits()),
		Sport:        bePort(s.SrcPort),
		Dport:        bePort(s.DstPort),
		Src:          addrBytes(s.Src.Addr()),
		Dst:          addrBytes(s.Dst.Addr()),
	}
}

func flowSelector(k *bpf.ABIFlowKey) eroute.Selector {
	f := eroute.Family(k.Family)
	return eroute.Selector{
		Src:     netip.PrefixFrom(bytesAddr(f, k.Src), int(k.SrcPrefixlen)),
		Dst:     netip.PrefixFrom(bytesAddr(f, k.Dst), int(k.DstPrefixlen)),
		Proto:   k.Proto,
		SrcPort: bePort(k.Sport),
		DstPort: bePort(k.Dport),
	}
}

// trapOf returns the selector of the trap that a flow came from: the flow's, widened to
// the trap's prefixes.
func trapOf(flow eroute.Selector, srcBits, dstBits uint8) eroute.Selector {
	flow.Src = netip.PrefixFrom(flow.Src.Addr(), int(srcBits)).Masked()
	flow.Dst = netip.PrefixFrom(flow.Dst.Addr(), int(dstBits)).Masked()
	return flow
}

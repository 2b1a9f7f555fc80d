// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// FlowID identifies a flow: a later flow with the same selector has another serial. A %hold eroute of the table
// has the serial 0.
type FlowID struct {
	Selector eroute.Selector
	Serial   uint64
}

// NewFlowKey returns the key of a flow with this selector in a generation of the table.
func NewFlowKey(s eroute.Selector, generation uint32) bpf.ABIFlowKey {
	return bpf.ABIFlowKey{
		Generation:   generation,
		Family:       uint8(eroute.FamilyOf(s.Src.Addr())),
		Proto:        s.Proto,
		SrcPrefixlen: uint8(s.Src.Bits()),
		DstPrefixlen: uint8(s.Dst.Bits()),
		Sport:        BEPort(s.SrcPort),
		Dport:        BEPort(s.DstPort),
		Src:          AddrBytes(s.Src.Addr()),
		Dst:          AddrBytes(s.Dst.Addr()),
	}
}

// FlowSelector returns the selector of a flow.
func FlowSelector(k *bpf.ABIFlowKey) eroute.Selector {
	f := eroute.Family(k.Family)
	return eroute.Selector{
		Src:     netip.PrefixFrom(BytesAddr(f, k.Src), int(k.SrcPrefixlen)),
		Dst:     netip.PrefixFrom(BytesAddr(f, k.Dst), int(k.DstPrefixlen)),
		Proto:   k.Proto,
		SrcPort: BEPort(k.Sport),
		DstPort: BEPort(k.Dport),
	}
}

// TrapOf returns the selector of the trap that created a flow: the selector of the flow with the trap's prefix
// lengths.
func TrapOf(flow eroute.Selector, srcBits, dstBits uint8) eroute.Selector {
	flow.Src = netip.PrefixFrom(flow.Src.Addr(), int(srcBits)).Masked()
	flow.Dst = netip.PrefixFrom(flow.Dst.Addr(), int(dstBits)).Masked()
	return flow
}

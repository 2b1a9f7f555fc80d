// SPDX-License-Identifier: Apache-2.0

package relaywire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// FuzzParseEvent checks that what comes of the ring buffer is read or refused, its packet
// being what follows the event; a command's message has none, and means one flow or all.
func FuzzParseEvent(f *testing.F) {
	for _, packet := range []int{0, 1, 40} {
		event := bpf.ABIEvent{Kind: uint32(bpf.ABIEventKindEVENT_ACQUIRE), Len: uint32(packet), Flow: abi.NewFlowKey(eroute.Selector{Src: netip.MustParsePrefix("10.0.0.1/32"), Dst: netip.MustParsePrefix("10.1.0.1/32")}, 0)}
		b, err := binary.Append(nil, binary.NativeEndian, event)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(b, make([]byte, 40)...))
	}
	for _, kind := range endEventKinds {
		b, err := binary.Append(nil, binary.NativeEndian, bpf.ABIEvent{Kind: uint32(kind), Serial: 7, Flow: abi.NewFlowKey(eroute.Selector{Src: netip.MustParsePrefix("2001:db8::1/128"), Dst: netip.MustParsePrefix("::/0")}, 0)})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEvent(b)
		if err != nil {
			return
		}
		if header := int(unsafe.Sizeof(bpf.ABIEvent{})); !bytes.HasPrefix(b[header:], e.Packet) {
			t.Errorf("packet %x of event %x", e.Packet, b)
		}
		if e.HoldEnd > Cleared || e.HoldEnd != 0 && (e.Packet != nil || e.Acquire || e.Gap) || (e.HoldEnd == Cleared) != (e.Flow == abi.FlowID{}) && e.HoldEnd != 0 {
			t.Errorf("%x is read as %+v", b, e)
		}
	})
}

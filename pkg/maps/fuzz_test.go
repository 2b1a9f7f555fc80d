// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// FuzzParseEvent checks that what comes of the ring buffer is read or refused, its packet
// being what follows the event.
func FuzzParseEvent(f *testing.F) {
	for _, packet := range []int{0, 1, 40} {
		event := bpf.ABIEvent{Kind: uint32(bpf.ABIEventKindEVENT_ACQUIRE), Len: uint32(packet), Flow: newFlowKey(sel("10.0.0.1/32", "10.1.0.1/32"), 0)}
		b, err := binary.Append(nil, binary.NativeEndian, event)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(b, make([]byte, 40)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEvent(b)
		if err != nil {
			return
		}
		if header := int(unsafe.Sizeof(bpf.ABIEvent{})); !bytes.HasPrefix(b[header:], e.Packet) {
			t.Errorf("packet %x of event %x", e.Packet, b)
		}
	})
}

// FuzzParseEnded checks that what comes of the commands' socket is refused, or means one
// flow or all.
func FuzzParseEnded(f *testing.F) {
	for _, how := range []End{0, Released, Freed, Cleared, 4} {
		for _, s := range []eroute.Selector{sel("10.0.0.1/32", "10.1.0.1/32"), sel("2001:db8::1/128", "::/0")} {
			b, err := binary.Append(nil, binary.NativeEndian, endedMessage{newFlowKey(s, 0), how})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(b)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := parseEnded(b)
		if err != nil {
			return
		}
		if e.How < Released || e.How > Cleared || (e.How == Cleared) != (e.Flow == eroute.Selector{}) {
			t.Errorf("%x is read as %+v", b, e)
		}
		if e.How != Cleared && e.Flow.Validate() != nil {
			t.Errorf("%x is read as %+v", b, e)
		}
	})
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
)

func TestParseXDPFeatures(t *testing.T) {
	index := nl.NewRtAttr(netdevDevIfindex, nl.Uint32Attr(7)).Serialize()
	features := func(bits uint64) []byte {
		return append(slices.Clip(index), nl.NewRtAttr(netdevDevXDPFeatures, binary.NativeEndian.AppendUint64(nil, bits)).Serialize()...)
	}
	for _, test := range []struct {
		message []byte
		want    Support
	}{{nil, Unknown}, {index, Unknown}, {features(0), No}, {features(2), No}, {features(1), Yes}, {features(0x7f), Yes}} {
		if got, err := parseXDPFeatures(test.message); err != nil || got != test.want {
			t.Errorf("parseXDPFeatures(%x) = %v, %v, want %v", test.message, got, err, test.want)
		}
	}
	if _, err := parseXDPFeatures([]byte{200, 0, 1, 0, 1, 2, 3, 4}); err == nil {
		t.Error("no error for a message that is cut short")
	}
}

// TestNativeXDP checks that the loopback has no native XDP on any kernel.
func TestNativeXDP(t *testing.T) {
	if got, err := nativeXDP(loopback); err != nil || got == Yes {
		t.Errorf("nativeXDP(lo) = %v, %v", got, err)
	}
}

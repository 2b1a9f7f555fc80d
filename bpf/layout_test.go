// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

package bpf_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/ipsec-eroute/eroute/bpf"
)

// layouts are the layouts of EROUTE_LAYOUT 9, written from abi.h: the size of each
// struct and the offset of each member, in bytes. Maps pinned by another version have
// these, so a change here needs another EROUTE_LAYOUT.
var layouts = []struct {
	name    string // in C
	typ     any
	size    uintptr
	offsets []uintptr
}{
	{"src_key4", bpf.ABISrcKey4{}, 8, []uintptr{0, 4}},
	{"src_key6", bpf.ABISrcKey6{}, 20, []uintptr{0, 4}},
	{"src_value", bpf.ABISrcValue{}, 16, []uintptr{0, 1}},
	{"row_key4", bpf.ABIRowKey4{}, 20, []uintptr{0, 4, 8, 9, 10, 12, 14, 18}},
	{"row_key6", bpf.ABIRowKey6{}, 44, []uintptr{0, 4, 20, 21, 22, 24, 26, 42}},
	{"row_value", bpf.ABIRowValue{}, 12, []uintptr{0, 4, 8, 9, 10}},
	{"index", bpf.ABIIndex{}, 64, []uintptr{0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 48, 56}},
	{"index_row", bpf.ABIIndexRow{}, 12, []uintptr{0, 4, 8, 9}},
	{"index_slot4", bpf.ABIIndexSlot4{}, 32, []uintptr{0, 20}},
	{"index_slot6", bpf.ABIIndexSlot6{}, 64, []uintptr{0, 44, 56}},
	{"counters", bpf.ABICounters{}, 16, []uintptr{0, 8}},
	{"counter_block", bpf.ABICounterBlock{}, 3072, []uintptr{0, 2048}},
	{"sa", bpf.ABISa{}, 24, []uintptr{0, 4, 5, 6, 7, 8}},
	{"flow_key", bpf.ABIFlowKey{}, 44, []uintptr{0, 4, 5, 6, 7, 8, 10, 12, 28}},
	{"flow", bpf.ABIFlow{}, 64, []uintptr{0, 12, 16, 24, 32, 40, 48, 56, 60, 61, 62, 63}},
	{"relay", bpf.ABIRelay{}, 32, []uintptr{0, 8, 16, 24, 28}},
	{"event", bpf.ABIEvent{}, 72, []uintptr{0, 8, 52, 56, 60, 64, 65, 66, 67}},
	{"stat", bpf.ABIStat{}, 16, []uintptr{0, 8}},
	{"table_meta", bpf.ABITableMeta{}, 80, []uintptr{0, 4, 8, 12, 16, 24, 32, 64, 72}},
	{"answer_set4", bpf.ABIAnswerSet4{}, 256, []uintptr{0}},
	{"answer4", bpf.ABIAnswerSet4{}.Way[0], 32, []uintptr{0, 4, 8}},
	{"answer_set6", bpf.ABIAnswerSet6{}, 512, []uintptr{0}},
	{"answer6", bpf.ABIAnswerSet6{}.Way[0], 64, []uintptr{0, 16, 32, 56}},
	{"answer", bpf.ABIAnswer{}, 24, []uintptr{0, 8, 16}},
	{"device", bpf.ABIDevice{}, 12, []uintptr{0, 4, 8}},
	{"ingress_key", bpf.ABIIngressKey{}, 8, []uintptr{0, 4}},
	{"ingress", bpf.ABIIngress{}, 12, []uintptr{0, 4, 10}},
}

// Go and C agree with each other, and with the layout that pinned maps have.
func TestLayouts(t *testing.T) {
	spec, err := bpf.LoadABI()
	if err != nil {
		t.Fatal(err)
	}
	if bpf.ABILimitsEROUTE_LAYOUT != 9 {
		t.Errorf("EROUTE_LAYOUT is %d: write its layouts down here", bpf.ABILimitsEROUTE_LAYOUT)
	}
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			var c *btf.Struct
			if err := spec.Types.TypeByName(l.name, &c); err != nil {
				t.Fatal(err)
			}
			typ := reflect.TypeOf(l.typ)
			if typ.Size() != l.size || uintptr(c.Size) != l.size {
				t.Errorf("%d bytes in Go, %d in C, want %d", typ.Size(), c.Size, l.size)
			}
			var inGo, inC []uintptr
			for f := range typ.Fields() {
				if f.Name != "_" {
					inGo = append(inGo, f.Offset)
				}
			}
			for _, m := range c.Members {
				inC = append(inC, uintptr(m.Offset.Bytes()))
			}
			if !slices.Equal(inGo, l.offsets) || !slices.Equal(inC, l.offsets) {
				t.Errorf("members at %d in Go, %d in C, want %d", inGo, inC, l.offsets)
			}
		})
	}
}

// The bits of a row's key before its destination are those of the members before it.
func TestRowFixedBits(t *testing.T) {
	for _, c := range []struct {
		typ  any
		want bpf.ABILimits
	}{
		{bpf.ABIRowKey4{}, bpf.ABILimitsROW4FIXED_BITS}, {bpf.ABIRowKey6{}, bpf.ABILimitsROW6FIXED_BITS},
	} {
		typ := reflect.TypeOf(c.typ)
		prefixlen, _ := typ.FieldByName("Prefixlen")
		dst, _ := typ.FieldByName("Dst")
		if got := 8 * (dst.Offset - prefixlen.Offset - prefixlen.Type.Size()); got != uintptr(c.want) {
			t.Errorf("%s: destination after %d bits, want %d", typ, got, c.want)
		}
	}
}

// Every map that two programs share is the same in each, or they could not share it.
func TestSharedMaps(t *testing.T) {
	lookup, err := bpf.LoadLookup()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(slices.Clone(programs), stateProgram) {
		spec, err := p.load()
		if err != nil {
			t.Fatal(err)
		}
		for name, m := range spec.Maps {
			if strings.HasPrefix(name, ".") {
				continue // the program's own variables
			}
			want := lookup.Maps[name]
			if want == nil {
				t.Errorf("%s has the map %s, which the lookup program has not", p.name, name)
				continue
			}
			if m.Type != want.Type || m.KeySize != want.KeySize || m.ValueSize != want.ValueSize ||
				m.MaxEntries != want.MaxEntries || m.Flags != want.Flags {
				t.Errorf("map %s is %v in %s, %v in the lookup program", name, m, p.name, want)
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"reflect"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// TestLayoutChanges checks that any change of a type or map changes its description, and so the pin path.
func TestLayoutChanges(t *testing.T) {
	word, half := &btf.Int{Size: 4}, &btf.Int{Size: 2}
	base := &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "a", Type: word}, {Name: "b", Type: word, Offset: 32}}}
	types := map[string]btf.Type{
		"base":     base,
		"name":     &btf.Struct{Name: "t", Size: 8, Members: base.Members},
		"size":     &btf.Struct{Name: "s", Size: 12, Members: base.Members},
		"order":    &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "b", Type: word}, {Name: "a", Type: word, Offset: 32}}},
		"offset":   &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "a", Type: word}, {Name: "b", Type: word, Offset: 16}}},
		"type":     &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "a", Type: word}, {Name: "b", Type: half, Offset: 32}}},
		"array":    &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "a", Type: word}, {Name: "b", Type: &btf.Array{Type: half, Nelems: 2}, Offset: 32}}},
		"signed":   &btf.Struct{Name: "s", Size: 8, Members: []btf.Member{{Name: "a", Type: word}, {Name: "b", Type: &btf.Int{Size: 4, Encoding: btf.Signed}, Offset: 32}}},
		"fewer":    &btf.Struct{Name: "s", Size: 8, Members: base.Members[:1]},
		"union":    &btf.Union{Name: "s", Size: 8, Members: base.Members},
		"enum":     &btf.Enum{Name: "s", Size: 4, Values: []btf.EnumValue{{Name: "A", Value: 1}}},
		"value":    &btf.Enum{Name: "s", Size: 4, Values: []btf.EnumValue{{Name: "A", Value: 2}}},
		"constant": &btf.Enum{Name: "s", Size: 4, Values: []btf.EnumValue{{Name: "B", Value: 1}}},
	}
	inner := &ebpf.MapSpec{Name: "i", Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1}
	specs := map[string]*ebpf.MapSpec{
		"map":        {Name: "m", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		"map type":   {Name: "m", Type: ebpf.LRUHash, KeySize: 4, ValueSize: 8, MaxEntries: 1},
		"key":        {Name: "m", Type: ebpf.Hash, KeySize: 8, ValueSize: 8, MaxEntries: 1},
		"value size": {Name: "m", Type: ebpf.Hash, KeySize: 4, ValueSize: 16, MaxEntries: 1},
		"entries":    {Name: "m", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 2},
		"flags":      {Name: "m", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1, Flags: 1},
		"inner":      {Name: "m", Type: ebpf.Hash, KeySize: 4, ValueSize: 8, MaxEntries: 1, InnerMap: inner},
	}
	seen := make(map[string]string)
	see := func(name, text string) {
		if other := seen[text]; other != "" {
			t.Errorf("%s and %s are described alike: %s", name, other, text)
		}
		seen[text] = name
	}
	for name, typ := range types {
		see(name, describeC(typ)[0])
	}
	for name, spec := range specs {
		see(name, describeMap(spec))
	}
	for _, v := range []any{struct{ A, B uint16 }{}, struct{ B, A uint16 }{}, struct{ A uint32 }{}, struct{ A [4]byte }{}} {
		see(reflect.TypeOf(v).String(), describeGo(reflect.TypeOf(v)))
	}
}

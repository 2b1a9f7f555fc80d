// SPDX-License-Identifier: Apache-2.0

// Package layout describes the layout of everything that is pinned. A table of another layout is never opened.
package layout

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/traps"
)

// userTypes are the Go types of values that only user space reads.
var userTypes = []reflect.Type{reflect.TypeFor[abi.SAIDKey](), reflect.TypeFor[abi.SAIDValue](), traps.ValueType, revision.ValueType, reflect.TypeFor[journal.RawEvent]()}

// Text describes everything that two versions of this program must agree on to share a table: the types of
// bpf/abi.h, the types that only user space reads, and every map. go generate makes the digest in the pin path
// from it.
func Text() (string, error) {
	abi, err := bpf.LoadABI()
	if err != nil {
		return "", fmt.Errorf("read types: %w", err)
	}
	lookup, err := bpf.LoadLookup()
	if err != nil {
		return "", fmt.Errorf("read maps: %w", err)
	}
	var specs []*ebpf.MapSpec
	for name, spec := range lookup.Maps {
		if pinned.IsTableMap(name) {
			specs = append(specs, spec)
		}
	}
	specs = append(append(specs, maps.UserSpecs...), journal.MapSpec())
	var lines []string
	for t, err := range abi.Types.All() {
		if err != nil {
			return "", fmt.Errorf("read types: %w", err)
		}
		lines = append(lines, describeC(t)...)
	}
	for _, t := range userTypes {
		lines = append(lines, "go "+describeGo(t))
	}
	for _, spec := range specs {
		lines = append(lines, describeMap(spec))
	}
	for kind, name := range journal.KindNames {
		lines = append(lines, fmt.Sprintf("event %d: %s", kind, name))
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n", nil
}

// describeC returns one line for a named C type, and none for an unnamed type, which is part of a named one.
func describeC(t btf.Type) []string {
	var members []btf.Member
	switch t := t.(type) {
	case *btf.Struct:
		members = t.Members
	case *btf.Union:
		members = t.Members
	case *btf.Enum:
		var values []string
		for _, v := range t.Values {
			if v.Name != "EROUTE_LAYOUT" { // already in the path itself
				values = append(values, fmt.Sprintf("%s=%d", v.Name, v.Value))
			}
		}
		return []string{fmt.Sprintf("%s, %d bytes: %s", nameC(t), t.Size, strings.Join(values, " "))}
	default:
		return nil
	}
	size, _ := btf.Sizeof(t)
	var parts []string
	for _, m := range members {
		parts = append(parts, fmt.Sprintf("%s %s at bit %d", nameC(m.Type), m.Name, m.Offset))
	}
	return []string{fmt.Sprintf("%s, %d bytes: %s", nameC(t), size, strings.Join(parts, "; "))}
}

func nameC(t btf.Type) string {
	switch t := btf.UnderlyingType(t).(type) {
	case *btf.Struct:
		return "struct " + t.Name
	case *btf.Union:
		return "union " + t.Name
	case *btf.Enum:
		return "enum " + t.Name
	case *btf.Int:
		return fmt.Sprintf("%v%d", t.Encoding, 8*t.Size)
	case *btf.Array:
		return fmt.Sprintf("%s[%d]", nameC(t.Type), t.Nelems)
	default:
		return fmt.Sprintf("%T", t)
	}
}

func describeGo(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		var parts []string
		for f := range t.Fields() {
			if f.Type.Size() == 0 {
				continue // structs.HostLayout
			}
			parts = append(parts, fmt.Sprintf("%s %s at %d", describeGo(f.Type), f.Name, f.Offset))
		}
		return fmt.Sprintf("%s, %d bytes: {%s}", t.Name(), t.Size(), strings.Join(parts, "; "))
	case reflect.Array:
		return fmt.Sprintf("%s[%d]", describeGo(t.Elem()), t.Len())
	default:
		return t.Kind().String()
	}
}

func describeMap(m *ebpf.MapSpec) string {
	text := fmt.Sprintf("map %s: %v, key %d, value %d, entries %d, flags %#x", m.Name, m.Type, m.KeySize, m.ValueSize, m.MaxEntries, m.Flags)
	if m.InnerMap != nil {
		text += " of " + describeMap(m.InnerMap)
	}
	return text
}

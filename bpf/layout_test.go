// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

package bpf_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/layout"
)

// shared are the types of abi.h that Go has, too.
var shared = map[string]any{
	"src_key4": bpf.ABISrcKey4{}, "src_key6": bpf.ABISrcKey6{}, "src_value": bpf.ABISrcValue{},
	"eroute_key4": bpf.ABIErouteKey4{}, "eroute_key6": bpf.ABIErouteKey6{}, "eroute_value": bpf.ABIErouteValue{},
	"index": bpf.ABIIndex{}, "index_entry": bpf.ABIIndexEntry{}, "index_slot4": bpf.ABIIndexSlot4{}, "index_slot6": bpf.ABIIndexSlot6{},
	"counters": bpf.ABICounters{}, "counter_block": bpf.ABICounterBlock{}, "stat": bpf.ABIStat{},
	"sa": bpf.ABISa{}, "sa_group": bpf.ABISaGroup{}, "flow_key": bpf.ABIFlowKey{}, "flow": bpf.ABIFlow{}, "relay": bpf.ABIRelay{}, "event": bpf.ABIEvent{},
	"table_meta": bpf.ABITableMeta{}, "epoch": bpf.ABIEpoch{},
	"cache_bucket4": bpf.ABICacheBucket4{}, "cache_entry4": bpf.ABICacheBucket4{}.Way[0],
	"cache_bucket6": bpf.ABICacheBucket6{}, "cache_entry6": bpf.ABICacheBucket6{}.Way[0], "cache_words": bpf.ABICacheBucket6{}.Way[0].Words,
	"device_words": bpf.ABIDeviceWords{}, "ingress_key": bpf.ABIIngressKey{}, "ingress": bpf.ABIIngress{},
	"reject_rate": bpf.ABIRejectRate{},
}

// Go and C agree about the size of each struct and the offset of each member.
func TestLayouts(t *testing.T) {
	spec, err := bpf.LoadABI()
	if err != nil {
		t.Fatal(err)
	}
	for c, err := range spec.Types.All() {
		c, ok := c.(*btf.Struct)
		if err != nil || !ok {
			continue
		}
		if shared[c.Name] == nil {
			t.Errorf("struct %s is not compared with Go's", c.Name)
			continue
		}
		typ := reflect.TypeOf(shared[c.Name])
		var inGo, inC []uintptr
		for f := range typ.Fields() {
			if f.Name != "_" {
				inGo = append(inGo, f.Offset)
			}
		}
		for _, m := range c.Members {
			inC = append(inC, uintptr(m.Offset.Bytes()))
		}
		if typ.Size() != uintptr(c.Size) || !slices.Equal(inGo, inC) {
			t.Errorf("%s: %d bytes and members at %d in Go, %d and %d in C", c.Name, typ.Size(), inGo, c.Size, inC)
		}
	}
}

// private are the types of abi.h that are in no map: programs use them within a run.
var private = []string{"verdict"}

// The digest in the pin path is that of all types of abi.h and all maps.
func TestLayoutDigest(t *testing.T) {
	text, err := layout.Text()
	if err != nil {
		t.Fatal(err)
	}
	digest := sha256.Sum256([]byte(text))
	if want := fmt.Sprintf("v%d-%x", bpf.ABILimitsEROUTE_LAYOUT, digest[:4]); bpf.Layout() != want {
		t.Errorf("the layout is %s, and the pin path says %s: go generate ./bpf", want, bpf.Layout())
	}
	var header strings.Builder
	parts, err := filepath.Glob("abi_*.h")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range parts {
		text, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		header.Write(text)
	}
	types := regexp.MustCompile(`(?m)^(struct|union|enum) (\w+) \{`).FindAllStringSubmatch(header.String(), -1)
	if len(types) == 0 {
		t.Error("no types in abi_*.h")
	}
	for _, found := range types {
		covered := strings.Contains("\n"+text, "\n"+found[1]+" "+found[2]+", ")
		if covered == slices.Contains(private, found[2]) {
			t.Errorf("%s %s is part of the layout: %t", found[1], found[2], covered)
		}
	}
	lookup, err := bpf.LoadLookup()
	if err != nil {
		t.Fatal(err)
	}
	for name := range lookup.Maps {
		if !strings.HasPrefix(name, ".") && !strings.Contains(text, "\nmap "+name+": ") {
			t.Errorf("map %s is not part of the layout", name)
		}
	}
}

// The bits of a row's key before its destination are those of the members before it.
func TestRowFixedBits(t *testing.T) {
	for _, c := range []struct {
		typ  any
		want bpf.ABILimits
	}{
		{bpf.ABIErouteKey4{}, bpf.ABILimitsKEY4FIXED_BITS}, {bpf.ABIErouteKey6{}, bpf.ABILimitsKEY6FIXED_BITS},
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
	for _, p := range append(slices.Clone(programs), statePrograms...) {
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

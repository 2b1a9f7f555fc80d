// SPDX-License-Identifier: Apache-2.0

package interfaces_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/testtable"
)

// TestIngress checks that interfaces of frames are listed as they were written, and that deletion is idempotent.
func TestIngress(t *testing.T) {
	table := testtable.New(t)
	untagged, tagged := bpf.ABIIngressKey{Ifindex: 7}, bpf.ABIIngressKey{Ifindex: 7, Vlan: [2]uint16{10, 20}}
	want := map[bpf.ABIIngressKey]bpf.ABIIngress{
		untagged: {Ifindex: 7, Mac: [6]byte{2, 0, 0, 0, 0, 1}},
		tagged:   {Ifindex: 8, Mac: [6]byte{2, 0, 0, 0, 0, 2}},
	}
	check := func(want map[bpf.ABIIngressKey]bpf.ABIIngress) {
		t.Helper()
		frames, err := table.Ingress()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, maps.Collect(frames)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
	for key, v := range want {
		if err := table.PutIngress(key, v); err != nil {
			t.Fatal(err)
		}
	}
	check(want)
	delete(want, tagged)
	for range 2 {
		if err := table.DeleteIngress(tagged); err != nil {
			t.Fatal(err)
		}
		check(want)
	}
}

// TestPort checks that ports beyond the array are ignored, and that a deleted port has no interface.
func TestPort(t *testing.T) {
	table := testtable.New(t)
	last, v := uint32(bpf.ABILimitsINGRESS_PORTS)-1, bpf.ABIIngress{Ifindex: 7, Mac: [6]byte{2, 0, 0, 0, 0, 1}}
	check := func(want bpf.ABIIngress) {
		t.Helper()
		var got bpf.ABIIngress
		if err := table.Map("eroute_ports").Lookup(last, &got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("port %d: %+v, not %+v", last, got, want)
		}
	}
	for _, port := range []uint32{last, last + 1} {
		if err := table.PutPort(port, v); err != nil {
			t.Fatal(err)
		}
	}
	check(v)
	for _, port := range []uint32{last, last + 1} {
		if err := table.DeletePort(port); err != nil {
			t.Fatal(err)
		}
	}
	check(bpf.ABIIngress{})
}

// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"testing"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestAllReady checks that a group by CPU is ready if each online CPU has an SA, whichever CPUs the machine can have in
// addition.
func TestAllReady(t *testing.T) {
	on := func(cpu uint16) bpf.ABISa { return bpf.ABISa{Use: uint8(bpf.ABISaUseSA_CPU), Cpu: cpu} }
	with := func(use bpf.ABISaUse, aside uint8) bpf.ABISa { return bpf.ABISa{Use: uint8(use), Aside: aside} }
	aside := on(2)
	aside.Aside = 1
	for name, c := range map[string]struct {
		spread  eroute.Spread
		members []bpf.ABISa
		online  []uint32
		want    bool
	}{
		"all online":               {eroute.SpreadCPU, []bpf.ABISa{on(0), on(2)}, []uint32{0, 2}, true},
		"also one offline":         {eroute.SpreadCPU, []bpf.ABISa{on(0), on(1), on(2)}, []uint32{0, 2}, true},
		"as many, but not the one": {eroute.SpreadCPU, []bpf.ABISa{on(0), on(1)}, []uint32{0, 2}, false},
		"one set aside":            {eroute.SpreadCPU, []bpf.ABISa{on(0), aside}, []uint32{0, 2}, false},
		"one for any":              {eroute.SpreadCPU, []bpf.ABISa{on(0), with(bpf.ABISaUseSA_READY, 0)}, []uint32{0, 2}, true},
		"none for any is ready":    {eroute.SpreadCPU, []bpf.ABISa{on(0), with(bpf.ABISaUseSA_ABSENT, 0), with(bpf.ABISaUseSA_READY, 1)}, []uint32{0, 2}, false},
		"no group by CPU":          {eroute.SpreadFlow, []bpf.ABISa{on(0), on(2)}, []uint32{0, 2}, false},
	} {
		got, err := allReady(c.members, c.spread, func() ([]uint32, error) { return c.online, nil })
		if err != nil || got != c.want {
			t.Errorf("%s: %t, %v, want %t", name, got, err, c.want)
		}
	}
	failed := errors.New("failed")
	if got, err := allReady([]bpf.ABISa{on(0)}, eroute.SpreadCPU, func() ([]uint32, error) { return nil, failed }); got || !errors.Is(err, failed) {
		t.Errorf("%t, %v", got, err)
	}
}

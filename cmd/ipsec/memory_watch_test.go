// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// memoryWatch is the part of a table in memory that metrics read; no packet has matched it.
type memoryWatch struct{ *memory }

func (m memoryWatch) Scan(int) (w maps.Scan, err error) {
	for _, e := range m.eroutes.List() {
		if e.SAID.Traps() {
			w.Traps++
		}
	}
	return w, nil
}

func (m memoryWatch) Exact([]eroute.Selector) ([]eroute.Eroute, error) { return nil, nil }
func (m memoryWatch) SAs([]eroute.SAID) ([]maps.SA, error)             { return nil, nil }
func (m memoryWatch) Queue() (waiting, size int, err error) {
	return 0, int(bpf.ABILimitsEVENTS_SIZE), nil
}
func (m memoryWatch) Memory() (map[string]uint64, error) { return nil, nil }

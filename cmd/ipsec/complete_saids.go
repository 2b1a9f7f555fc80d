// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// knownSAIDs returns the SAs that eroutes of the table name, and those of XFRM's states. It is best effort, for
// completion: read errors are ignored.
func knownSAIDs() []eroute.SAID {
	var all []eroute.SAID
	if t, err := maps.OpenRead(); err == nil {
		uses, _ := t.SAUses()
		for _, use := range uses {
			all = append(all, use.SAID)
		}
		_ = t.Close()
	}
	if h, err := xfrm.Open(); err == nil {
		states, _ := h.States()
		all = append(all, stateSAIDs(states)...)
		_ = h.Close()
	}
	return sortedSAIDs(all)
}

// stateSAIDs returns the SAIDs of states, with the protocol tun in tunnel mode.
func stateSAIDs(states xfrm.States) (all []eroute.SAID) {
	for key, s := range states {
		said := eroute.SAID{Proto: key.Proto, SPI: key.SPI, Dst: key.Dst}
		if s.Mode == xfrm.ModeTunnel {
			said.Proto = eroute.ProtoTun
		}
		all = append(all, said)
	}
	return all
}

// sortedSAIDs sorts by destination, SPI and protocol, and removes duplicates.
func sortedSAIDs(all []eroute.SAID) []eroute.SAID {
	slices.SortFunc(all, eroute.SAID.CompareSA)
	return slices.Compact(all)
}

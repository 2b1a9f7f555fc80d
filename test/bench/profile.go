// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
)

// profileLimit is the number of functions that a profile lists.
const profileLimit = 60

// profile sends a round of packets and prints the functions in which their instructions are executed.
func (g *gateway) profile(s scenario, each float64) error {
	sampler, err := startSampler()
	if err != nil {
		return err
	}
	_, sendErr := s.generator().send(g, roundPackets)
	addresses, err := sampler.stop()
	if err := errors.Join(sendErr, err); err != nil {
		return err
	}
	symbols, err := readSymbols() // now: they contain the scenario's BPF programs
	if err != nil {
		return err
	}
	samples := make(map[string]int)
	for _, a := range addresses {
		samples[function(symbols, a)]++
	}
	byCount := slices.SortedFunc(maps.Keys(samples), func(a, b string) int {
		return cmp.Or(cmp.Compare(samples[b], samples[a]), cmp.Compare(a, b))
	})
	fmt.Fprintf(os.Stderr, "profile of %s: instructions a packet, by %d samples\n", s, len(addresses))
	t := tabwriter.NewWriter(os.Stderr, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, name := range byCount[:min(profileLimit, len(byCount))] {
		_, _ = fmt.Fprintf(t, "%.0f\t  %s\n", each*float64(samples[name])/float64(len(addresses)), name)
	}
	return t.Flush()
}

// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"runtime"
	"slices"
	"testing"
)

// TestParseCPUs checks lists of CPUs with gaps, and text that is none.
func TestParseCPUs(t *testing.T) {
	for text, want := range map[string][]uint32{
		"0": {0}, "0-1": {0, 1}, "0-2,5": {0, 1, 2, 5}, "1,3-4,4095": {1, 3, 4, 4095},
		"": nil, "0-": nil, "-1": nil, "2-1": nil, "a": nil, "0,": nil, "0-1-2": nil, "70000": nil,
	} {
		if got, err := parseCPUs(text); !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
}

// TestOnlineCPUs checks that the CPUs include all that the process can use.
func TestOnlineCPUs(t *testing.T) {
	if cpus, err := OnlineCPUs(); err != nil || len(cpus) < runtime.NumCPU() || !slices.IsSorted(cpus) {
		t.Errorf("%v, %v, want %d or more", cpus, err, runtime.NumCPU())
	}
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestKernel(t *testing.T) {
	checkFindings(t, kernelCheck, &Facts{})
	checkFindings(t, kernelCheck, &Facts{Missing: map[Feature]error{
		"function tracing": fmt.Errorf("load: %w (a guess)", unix.EPERM),
		"ESP over IPv4":    errors.New("not known to it"),
	}}, want{Note, "function tracing", "no function tracing: operation not permitted"},
		want{Problem, "ESP over IPv4", "no ESP over IPv4: not known to it"})
}

// Every feature that is missing is told, with what that costs and what to do.
func TestFeatures(t *testing.T) {
	missing := make(map[Feature]error)
	for _, f := range allFeatures {
		if f.cost == "" || f.remedy == "" || missing[f.name] != nil {
			t.Errorf("feature %q: no cost or remedy, or given twice", f.name)
		}
		missing[f.name] = errors.New("no")
	}
	if found := kernelCheck.find(&Facts{Missing: missing}); len(found) != len(allFeatures) {
		t.Errorf("%d findings for %d features", len(found), len(allFeatures))
	}
}

// The tests of this project run on kernels that have these; see also the VM's.
func TestProbes(t *testing.T) {
	missing := probeAll()
	for _, f := range []Feature{"BTF", "bpffs", "LPM tries", "ring buffers", "membarrier", "tcx", "XDP", "XFRM"} {
		if err := missing[f]; err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

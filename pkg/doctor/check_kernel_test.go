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
		"ESP over IPv4":    errors.New("not supported by this kernel"),
	}}, want{Note, "function tracing", "function tracing cannot be tested: operation not permitted; the kernel may support it"},
		want{Problem, "ESP over IPv4", "ESP over IPv4: not supported by this kernel"})
}

// TestFeatures checks that each missing feature is reported with its cost and remedy.
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

// TestProbes checks that this kernel has the features that the project's tests require. A test in the VM does the
// same.
func TestProbes(t *testing.T) {
	missing, err := probe(allFeatures)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Feature{"BTF", "bpffs", "LPM tries", "ring buffers", "membarrier", "tcx", "XDP", "XFRM"} {
		if err := missing[f]; err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

// TestProbeForbidden checks that a forbidden probe is an error if the feature is required, and counts as missing
// otherwise.
func TestProbeForbidden(t *testing.T) {
	forbidden := func() error { return fmt.Errorf("load: %w", unix.EPERM) }
	if _, err := probe([]feature{{name: "tcx", probe: forbidden, required: true}}); !errors.Is(err, unix.EPERM) {
		t.Errorf("%v, want EPERM", err)
	}
	missing, err := probe([]feature{{name: "function tracing", probe: forbidden}})
	if err != nil || !errors.Is(missing["function tracing"], unix.EPERM) {
		t.Errorf("%v, %v", missing, err)
	}
}

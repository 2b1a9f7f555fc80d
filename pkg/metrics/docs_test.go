// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"os"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// exported returns the names of all possible metrics.
func exported(t *testing.T) []string {
	t.Helper()
	ch := make(chan *prometheus.Desc, 100)
	NewCollector(Source{}).Describe(ch)
	close(ch)
	var names []string
	for d := range ch {
		names = append(names, testenv.MetricNames(d.String())[0])
	}
	slices.Sort(names)
	return names
}

// named returns the metric names in a file.
func named(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return testenv.MetricNames(string(text))
}

// TestDocumented checks that the documentation has every metric, and no other.
func TestDocumented(t *testing.T) {
	if got, want := named(t, "../../docs/metrics.md"), exported(t); !slices.Equal(got, want) {
		t.Errorf("docs/metrics.md names %q, want %q", got, want)
	}
}

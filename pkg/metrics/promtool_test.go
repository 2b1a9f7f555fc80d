// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"slices"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/acquire"
)

const (
	rules     = "../../docs/prometheus/rules.yml"
	rulesTest = "../../docs/prometheus/rules_test.yml"
	dashboard = "../../docs/grafana/eroute.json"
)

// TestPromtoolMetrics checks that promtool accepts the metrics.
func TestPromtoolMetrics(t *testing.T) {
	source := example(t).source()
	source.Relay = &acquire.Counters{}
	var text strings.Builder
	if err := Write(&text, source); err != nil {
		t.Fatal(err)
	}
	testenv.Promtool(t, text.String(), "check", "metrics")
}

// TestRules checks that the alert rules are valid, and fire and resolve when they should.
func TestRules(t *testing.T) {
	testenv.Promtool(t, "", "check", "rules", rules)
	testenv.Promtool(t, "", "test", "rules", rulesTest)
}

// TestNamesInUse checks that rules and dashboard use only existing metrics.
func TestNamesInUse(t *testing.T) {
	want := exported(t)
	for _, file := range []string{rules, rulesTest, dashboard} {
		for _, name := range named(t, file) {
			if !slices.Contains(want, name) {
				t.Errorf("%s names %s, which is not exported", file, name)
			}
		}
	}
}

// TestDashboard checks that the queries of the dashboard are valid.
func TestDashboard(t *testing.T) {
	if n := testenv.CheckDashboard(t, dashboard); n < 20 {
		t.Errorf("%d queries", n)
	}
}

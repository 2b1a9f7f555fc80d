// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/metrics"
)

const (
	docs      = "../../../docs/"
	rules     = docs + "prometheus/fleet.yml"
	rulesTest = docs + "prometheus/fleet_test.yml"
	dashboard = docs + "grafana/fleet.json"
)

// The alert rules are valid, and fire and resolve when they should; the queries of the dashboard are valid.
func TestRulesAndDashboard(t *testing.T) {
	testenv.Promtool(t, "", "check", "rules", rules)
	testenv.Promtool(t, "", "test", "rules", rulesTest)
	if n := testenv.CheckDashboard(t, dashboard); n < 10 {
		t.Errorf("%d queries", n)
	}
}

// Rules and dashboard use only metrics of agents and tables, and labels and states that agents export; docs/fleet.md has
// all metrics of agents.
func TestNamesInUse(t *testing.T) {
	a := newAgent(t, nil, &fakeTable{})
	a.status = fleet.Status{State: fleet.Confirmed, Confirmed: first}
	if problems, err := testutil.CollectAndLint(a); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	var own, all []string
	for _, c := range []prometheus.Collector{a, metrics.NewCollector(metrics.Source{})} {
		described := make(chan *prometheus.Desc, 100)
		c.Describe(described)
		close(described)
		for d := range described {
			all = append(all, testenv.MetricNames(d.String())[0])
		}
		if own == nil {
			own = slices.Clone(all)
			slices.Sort(own)
			own = slices.Compact(own)
		}
	}
	read := func(file string) string {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, file := range []string{rules, rulesTest, dashboard} {
		for _, name := range testenv.MetricNames(read(file)) {
			if !slices.Contains(all, name) {
				t.Errorf("%s names %s, which is not exported", file, name)
			}
		}
	}
	documented := testenv.MetricNames(read(docs + "fleet.md"))
	for _, name := range own {
		if !slices.Contains(documented, name) {
			t.Errorf("docs/fleet.md does not name %s", name)
		}
		if !strings.Contains(read(dashboard), name) {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
	for _, s := range states {
		if s != fleet.Unassigned && !strings.Contains(read(rules)+read(dashboard), string(s)) {
			t.Errorf("neither rules nor dashboard name %q", s)
		}
	}
}

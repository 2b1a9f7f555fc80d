// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/acquire"
)

const (
	rules     = "../../docs/prometheus/rules.yml"
	rulesTest = "../../docs/prometheus/rules_test.yml"
	dashboard = "../../docs/grafana/eroute.json"
)

// promtool runs Prometheus's promtool: the one that scripts/setup.sh has unpacked, or an installed one.
func promtool(t *testing.T, stdin string, args ...string) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "ipsec-eroute", "prometheus", "usr", "bin", "promtool")
	if _, err := os.Stat(path); err != nil {
		if path, err = exec.LookPath("promtool"); err != nil {
			t.Fatalf("%v: run scripts/setup.sh", err)
		}
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "FAILED") {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}

// TestPromtoolMetrics checks that promtool accepts the metrics.
func TestPromtoolMetrics(t *testing.T) {
	source := example(t).source()
	source.Relay = &acquire.Counters{}
	var text strings.Builder
	if err := Write(&text, source); err != nil {
		t.Fatal(err)
	}
	promtool(t, text.String(), "check", "metrics")
}

// TestRules checks that the alert rules are valid, and fire and resolve when they should.
func TestRules(t *testing.T) {
	promtool(t, "", "check", "rules", rules)
	promtool(t, "", "test", "rules", rulesTest)
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

// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Promtool runs Prometheus's promtool: the one that scripts/setup.sh has unpacked, or an installed one.
func Promtool(t *testing.T, stdin string, args ...string) {
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

var metricName = regexp.MustCompile(`\beroute_[a-z_]+\b`)

// MetricNames returns the names of metrics in a text, sorted.
func MetricNames(text string) []string {
	names := metricName.FindAllString(text, -1)
	slices.Sort(names)
	return slices.Compact(names)
}

// CheckDashboard checks that the queries of a dashboard are valid, and returns their number.
func CheckDashboard(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	var rules bytes.Buffer
	rules.WriteString("groups:\n  - name: queries\n    rules:\n")
	n := 0
	for _, p := range dashboard.Panels {
		for _, q := range p.Targets {
			n++
			query, err := json.Marshal(strings.ReplaceAll(q.Expr, "$__rate_interval", "5m"))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&rules, "      - record: query%d\n        expr: %s\n", n, query)
		}
	}
	name := filepath.Join(t.TempDir(), "queries.yml")
	if err := os.WriteFile(name, rules.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	Promtool(t, "", "check", "rules", name)
	return n
}

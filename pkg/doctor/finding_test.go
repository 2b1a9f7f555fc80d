// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/device"
)

// want is an expected finding; text is a part of its text.
type want struct {
	level   Level
	subject string
	text    string
}

// checkFindings runs one check and compares its findings.
func checkFindings(t *testing.T, c check, f *Facts, wants ...want) {
	t.Helper()
	found := c.find(f)
	if len(found) != len(wants) {
		t.Errorf("%s: %d findings, want %d: %+v", c.name, len(found), len(wants), found)
		return
	}
	for i, w := range wants {
		got := found[i]
		if got.Level != w.level || got.Subject != w.subject || !strings.Contains(got.Text, w.text) {
			t.Errorf("%s: finding %d is %+v, want %+v", c.name, i, got, w)
		}
		if got.Level == Problem && (got.Cost == "" || got.Remedy == "") {
			t.Errorf("%s: a problem without cost or remedy: %+v", c.name, got)
		}
	}
}

// ipsec0 returns a device without faults.
func ipsec0() Device {
	return Device{Attachment: device.Attachment{Virtual: "ipsec0", Physical: "wan"}, Exists: true, Up: true}
}

// TestExamine checks that most checks do not apply to empty facts, and that a check without findings is reported
// by name.
func TestExamine(t *testing.T) {
	var names []string
	for _, f := range Examine(&Facts{}) {
		names = append(names, string(f.Level)+" "+f.Check)
	}
	if got := strings.Join(names, ", "); got != "ok kernel, note table, note device" {
		t.Errorf("findings about nothing: %s", got)
	}
	seen := make(map[string]bool)
	for _, c := range checks {
		if c.name == "" || c.fine == "" || seen[c.name] {
			t.Errorf("check %q: text %q, or given twice", c.name, c.fine)
		}
		seen[c.name] = true
	}
	f := &Facts{Missing: map[Feature]error{"tcx": errors.New("no"), "AH over IPv4": errors.New("no")}}
	if n := Problems(Examine(f)); n != 1 {
		t.Errorf("%d problems, want 1", n)
	}
}

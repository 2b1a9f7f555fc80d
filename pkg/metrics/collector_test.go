// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// TestCollector checks that the metrics have the values of the table and pass Prometheus's lint. An eroute deleted
// since the scan is omitted.
func TestCollector(t *testing.T) {
	m := example(t)
	source := m.source()
	source.Relay = &acquire.Counters{}
	want, err := os.Open(filepath.Join("testdata", "metrics.prom"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = want.Close() }()
	c := NewCollector(source)
	if err := testutil.CollectAndCompare(c, want); err != nil {
		t.Error(err)
	}
	problems, err := testutil.CollectAndLint(c)
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
	if m.closed < 2 {
		t.Errorf("the table was closed %d times", m.closed)
	}
}

// TestNoTable checks that without a table, a relay and XFRM counters the metrics are those of an empty table.
func TestNoTable(t *testing.T) {
	var text strings.Builder
	source := Source{Open: func() (Table, error) { return nil, loader.ErrNoTable }, XFRM: noXFRM}
	if err := Write(&text, source); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"eroute_eroutes 0", "eroute_eroutes_limit 1e+06", "eroute_relay_up 0", "eroute_traps 0"} {
		if !strings.Contains(text.String(), "\n"+line+"\n") {
			t.Errorf("no line %q", line)
		}
	}
	if strings.Contains(text.String(), "eroute_relay_events") || strings.Contains(text.String(), "xfrm") {
		t.Errorf("more than there is:\n%s", &text)
	}
}

// TestSourceErrors checks that an error of the source is returned unchanged, and without metrics.
func TestSourceErrors(t *testing.T) {
	broken := errors.New("broken")
	table := example(t).source()
	for name, source := range map[string]Source{
		"table": {Open: func() (Table, error) { return nil, broken }, XFRM: noXFRM},
		"xfrm":  {Open: table.Open, XFRM: func() (map[string]uint64, error) { return nil, broken }},
	} {
		var text strings.Builder
		if err := Write(&text, source); !errors.Is(err, broken) || err.Error() != "broken" || text.Len() > 0 {
			t.Errorf("%s: %q, %v", name, &text, err)
		}
	}
}

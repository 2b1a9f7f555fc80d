// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
)

// monitorChanges runs a monitor while change changes m and reports the events.
func monitorChanges(t *testing.T, m *memory, change func(publish func(journal.Event)), args ...string) []string {
	t.Helper()
	var out, errs strings.Builder
	e := testEnv(nil, &out, &errs)
	m.openers(e)
	e.monitor = func(_ context.Context, publish func(monitor.Event) error) (err error) {
		err = publish(monitor.Event{Time: time.Now()})
		change(func(n journal.Event) {
			if err == nil {
				err = publish(monitor.Event{Time: time.Now(), Notice: &n})
			}
		})
		return err
	}
	if status := run(context.Background(), e, append([]string{"monitor"}, args...)); status != 0 || errs.Len() > 0 {
		t.Fatalf("status %d: %s", status, errs.String())
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func changeNotice(op eroute.Op, src string, said eroute.SAID) (eroute.Selector, journal.Event) {
	s := eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix("10.2.0.0/16")}
	kinds := map[eroute.Op]journal.Kind{eroute.OpAdd: journal.KindAdd, eroute.OpReplace: journal.KindReplace, eroute.OpDel: journal.KindDel}
	return s, journal.Event{Kind: kinds[op], Eroute: s, SAID: said}
}

// TestMonitorOpens checks that a monitor reports the clear text that changes open, after a pause; if it is closed
// again within the pause, only the changes are reported.
func TestMonitorOpens(t *testing.T) {
	m := newGateway(t, testSAID)
	lines := monitorChanges(t, m, func(publish func(journal.Event)) {
		_, n := changeNotice(eroute.OpAdd, "10.1.7.0/24", eroute.Pass)
		publish(n)
		_, n = changeNotice(eroute.OpAdd, "10.1.8.0/24", eroute.Pass)
		publish(n)
		_, n = changeNotice(eroute.OpDel, "10.1.8.0/24", eroute.SAID{})
		publish(n)
		time.Sleep(5 * monitor.OpensPause) // long enough for the comparison
		_, n = changeNotice(eroute.OpDel, "10.1.7.0/24", eroute.SAID{})
		publish(n)
		time.Sleep(5 * monitor.OpensPause)
		_, n = changeNotice(eroute.OpReplace, "10.1.0.0/16", eroute.Pass)
		publish(n)
	})
	want := []string{
		`add +10\.1\.7\.0/24 -> 10\.2\.0\.0/16 => %pass`,
		`add +10\.1\.8\.0/24 -> 10\.2\.0\.0/16 => %pass`,
		`del +10\.1\.8\.0/24 -> 10\.2\.0\.0/16`,
		`opens +10\.1\.7\.0/24 -> 10\.2\.0\.0/16, such as 10\.1\.7\.1 -> 10\.2\.0\.1 protocol 1: tun0x1000@192\.0\.2\.2, then %pass`,
		`del +10\.1\.7\.0/24 -> 10\.2\.0\.0/16`,
		`replace +10\.1\.0\.0/16 -> 10\.2\.0\.0/16 => %pass`,
		`opens +10\.1\.0\.0/16 -> 10\.2\.0\.0/16, such as .*`,
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	for i := range want {
		if !regexp.MustCompile(`^\S+Z ` + want[i] + `$`).MatchString(lines[i]) {
			t.Errorf("line %d: %q, want %s", i+1, lines[i], want[i])
		}
	}
}

// TestMonitorOpensLargeGroup checks that a monitor reads the table again after an event that lacks the SAID, of a large
// group of SAs.
func TestMonitorOpensLargeGroup(t *testing.T) {
	m := newGateway(t, testSAID)
	lines := monitorChanges(t, m, func(publish func(journal.Event)) {
		_, n := changeNotice(eroute.OpReplace, "10.1.0.0/16", eroute.SAID{})
		n.Detail = "tun0x1000@192.0.2.2,tun0x1001@192.0.2.2,tun"
		publish(n)
		time.Sleep(5 * monitor.OpensPause)
		_, n = changeNotice(eroute.OpReplace, "10.1.0.0/16", eroute.Pass)
		publish(n)
	}, "--json")
	if len(lines) != 3 || !strings.Contains(lines[2], `"from":"protected"`) {
		t.Errorf("got %q", lines)
	}
	for _, line := range lines {
		if err := schema.Check([]byte(line)); err != nil {
			t.Error(err)
		}
	}
}

// TestMonitorOpensRestore checks that the table is read again after a restore, and after missed events, and that
// of many opened selectors some are printed, with the number of the others.
func TestMonitorOpensRestore(t *testing.T) {
	m := newGateway(t, testSAID)
	lines := monitorChanges(t, m, func(publish func(journal.Event)) {
		for i := range 25 {
			s := eroute.Selector{Src: netip.MustParsePrefix(fmt.Sprintf("10.1.%d.0/25", i)), Dst: netip.MustParsePrefix("10.2.0.0/16")}
			if err := m.eroutes.Add(s, eroute.Pass); err != nil {
				t.Fatal(err)
			}
		}
		publish(journal.Event{Kind: journal.KindRestore, Detail: "25 added, 0 changed, 0 deleted, 1 kept"})
	}, "--json")
	if err := schema.CheckLines([]byte(strings.Join(lines, "\n"))); err != nil {
		t.Error(err)
	}
	if len(lines) != 1+monitor.MaxOpens+1 || !strings.Contains(lines[1], `"event":"opens"`) || !strings.Contains(lines[1], `"selector":{"src":"10.1.0.0/25","dst":"10.2.0.0/16"}`) || !strings.Contains(lines[1+monitor.MaxOpens], `"count":5`) {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
}

// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ipsec-eroute/eroute/internal/testns"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

func newMonitor(t *testing.T) *journal.Reader {
	t.Helper()
	m, err := maps.OpenJournal()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// monitored is a namespace with an empty table, which is not open.
func monitored(t *testing.T) {
	t.Helper()
	testns.Enter(t)
	removed(t, openWrite(t))
	t.Cleanup(func() { removed(t, openWrite(t)) })
}

// removed unpins a table and closes it.
func removed(t *testing.T, table *maps.Table) {
	t.Helper()
	if err := errors.Join(table.Dir().Remove(), table.Close()); err != nil {
		t.Error(err)
	}
}

func openWrite(t *testing.T) *maps.Table {
	t.Helper()
	table, err := maps.OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func apply(t *testing.T, changes ...eroute.Change) {
	t.Helper()
	table := openWrite(t)
	if err := errors.Join(table.Apply(t.Context(), changes), table.Close()); err != nil {
		t.Fatal(err)
	}
}

// next reads as many notices as there are to come; it fails if more are lost.
func next(t *testing.T, m *journal.Reader, count int) (all []journal.Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(all) < count {
		notices, lost, err := m.Read(ctx)
		if err != nil || lost > 0 {
			t.Fatalf("%d notices, %d lost, %v, want %d", len(all), lost, err, count)
		}
		all = append(all, notices...)
	}
	return all
}

// nothing sees that there is no notice.
func nothing(t *testing.T, m *journal.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*journal.PollInterval)
	defer cancel()
	if notices, lost, err := m.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, %d lost, %v, want nothing", notices, lost, err)
	}
}

func change(op eroute.Op, src string, said eroute.SAID) eroute.Change {
	return eroute.Change{Op: op, Selector: eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix("10.9.0.0/16")}, SAID: said}
}

var compareNotices = cmp.Options{cmpopts.IgnoreFields(journal.Event{}, "Time"), cmpopts.EquateComparable(eroute.Selector{}, eroute.SAID{})}

// Every monitor is told of every change that was made, in order, and of none that was
// refused.
func TestMonitors(t *testing.T) {
	monitored(t)
	first := newMonitor(t)
	apply(t, change(eroute.OpAdd, "10.1.0.0/16", eroute.Drop))
	second := newMonitor(t)
	apply(t,
		change(eroute.OpReplace, "10.1.0.0/16", eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("2001:db8::1")}),
		change(eroute.OpAdd, "10.2.0.0/16", eroute.Pass), change(eroute.OpDel, "10.2.0.0/16", eroute.SAID{}))
	table := openWrite(t)
	if err := table.Apply(t.Context(), []eroute.Change{change(eroute.OpAdd, "10.3.0.0/16", eroute.Drop), change(eroute.OpAdd, "10.1.0.0/16", eroute.Drop)}); err == nil {
		t.Error("not refused")
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	apply(t, eroute.Change{Op: eroute.OpClear})
	want := []journal.Event{
		{Kind: journal.KindAdd, Eroute: change(0, "10.1.0.0/16", eroute.SAID{}).Selector, SAID: eroute.Drop},
		{Kind: journal.KindReplace, Eroute: change(0, "10.1.0.0/16", eroute.SAID{}).Selector, SAID: eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("2001:db8::1")}},
		{Kind: journal.KindAdd, Eroute: change(0, "10.2.0.0/16", eroute.SAID{}).Selector, SAID: eroute.Pass},
		{Kind: journal.KindDel, Eroute: change(0, "10.2.0.0/16", eroute.SAID{}).Selector},
		{Kind: journal.KindClear},
	}
	if diff := cmp.Diff(want, next(t, first, len(want)), compareNotices); diff != "" {
		t.Errorf("first monitor: (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want[1:], next(t, second, len(want)-1), compareNotices); diff != "" {
		t.Errorf("second monitor: (-want +got)\n%s", diff)
	}
	nothing(t, first)
	table = openWrite(t)
	restore := func(yield func(eroute.Change, error) bool) {
		yield(change(eroute.OpAdd, "10.1.0.0/16", eroute.Drop), nil)
	}
	if _, err := table.Restore(t.Context(), restore, true); err != nil {
		t.Fatal(err)
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []*journal.Reader{first, second} {
		want := []journal.Event{{Kind: journal.KindRestore, Detail: "1 added, 0 changed, 0 deleted, 0 kept"}}
		if diff := cmp.Diff(want, next(t, m, 1), compareNotices); diff != "" {
			t.Errorf("restore: (-want +got)\n%s", diff)
		}
	}
}

// A notice comes out as it went in.
func TestNotice(t *testing.T) {
	flow := eroute.Selector{Src: netip.MustParsePrefix("2001:db8::1/128"), Dst: netip.MustParsePrefix("::/0"), Proto: 6, SrcPort: 1, DstPort: 65535}
	named := map[string]journal.Kind{"": 0}
	for kind := journal.KindAdd; kind <= journal.KindLost; kind++ {
		if other, taken := named[kind.String()]; taken {
			t.Errorf("kinds %d and %d are named %q", other, kind, kind)
		}
		named[kind.String()] = kind
		n := journal.Event{
			Kind: kind, Time: time.Unix(1000, 5), Flow: flow, Eroute: change(0, "10.0.0.0/8", eroute.SAID{}).Selector,
			SAID: eroute.TrapSubnet, Device: 7, Packets: 128, Detail: strings.Repeat("x", 71),
		}
		got := n.Encoded()
		if !cmp.Equal(n, got, cmpopts.EquateComparable(eroute.Selector{}, eroute.SAID{})) {
			t.Errorf("%+v became %+v", n, got)
		}
	}
	a, b := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("192.0.2.2")}, eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x2000, Dst: netip.MustParseAddr("2001:db8::2")}
	for n := 2; n <= eroute.MaxMembers; n++ {
		group, err := eroute.NewGroup(eroute.SpreadFlow, slices.Repeat([]eroute.SAID{a, b}, eroute.MaxMembers/2)[:n]...)
		if err != nil {
			t.Fatal(err)
		}
		want := journal.Event{Kind: journal.KindAdd, Time: time.Unix(1000, 5), SAID: group}
		if text := group.String(); len(text) >= 71 {
			want.SAID, want.Detail = eroute.SAID{}, text[:71]
		}
		if got := (&journal.Event{Kind: want.Kind, Time: want.Time, SAID: group}).Encoded(); !cmp.Equal(want, got, cmpopts.EquateComparable(eroute.Selector{}, eroute.SAID{})) {
			t.Errorf("%d SAs: %+v became %+v", n, want, got)
		}
	}
	group, err := eroute.NewGroup(eroute.SpreadFlow, a, eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1001, Dst: a.Dst})
	if err != nil {
		t.Fatal(err)
	}
	for detail, has := range map[string]bool{"answered": true, strings.Repeat("long ", 10): false} {
		want := journal.Event{Kind: journal.KindRelease, Time: time.Unix(1000, 5), SAID: group, Detail: detail}
		got := want.Encoded()
		if !has {
			want.SAID = eroute.SAID{}
		}
		if !cmp.Equal(want, got, cmpopts.EquateComparable(eroute.Selector{}, eroute.SAID{})) {
			t.Errorf("%+v became %+v", want, got)
		}
	}
	long := journal.Event{Detail: strings.Repeat("x", 300)}
	got := long.Encoded().Detail
	if got != strings.Repeat("x", 71) {
		t.Errorf("long detail became %q", got)
	}
	if name := journal.Kind(0).String() + (journal.KindLost + 1).String(); name != "" {
		t.Errorf("an unknown kind is named %q", name)
	}
}

// A monitor that is too slow is told how many it has lost, and gets the newest. Who
// tells does not wait.
func TestSlowMonitor(t *testing.T) {
	const extra = 5000
	monitored(t)
	m, publisher := newMonitor(t), newPublisher(t)
	for i := range journal.Entries + extra {
		publish(t, publisher, journal.Event{Packets: i})
	}
	notices, lost, err := m.Read(t.Context())
	if err != nil || lost != extra || len(notices) == 0 || notices[0].Packets != extra {
		t.Fatalf("%d notices, %d lost, %v", len(notices), lost, err)
	}
	rest := next(t, m, journal.Entries-len(notices))
	if last := rest[len(rest)-1]; last.Packets != journal.Entries+extra-1 {
		t.Errorf("the last is %+v", last)
	}
	nothing(t, m)
}

func newPublisher(t *testing.T) *journal.Publisher {
	t.Helper()
	publisher, err := journal.NewPublisher()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := publisher.Close(); err != nil {
			t.Error(err)
		}
	})
	return publisher
}

func publish(t *testing.T, publisher *journal.Publisher, n journal.Event) {
	t.Helper()
	if err := publisher.Publish(n); err != nil {
		t.Fatal(err)
	}
}

// Concurrent publishers lose no event, and the events of each stay in order.
func TestJournalConcurrentWriters(t *testing.T) {
	const publishers, each = 8, 2000
	monitored(t)
	m := newMonitor(t)
	var wait sync.WaitGroup
	for i := range publishers {
		publisher := newPublisher(t)
		wait.Go(func() {
			for j := range each {
				if err := publisher.Publish(journal.Event{Device: i, Packets: j, Detail: fmt.Sprint(i * j)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	var seen [publishers]int
	for _, n := range next(t, m, publishers*each) {
		if n.Packets != seen[n.Device] || n.Detail != fmt.Sprint(n.Device*n.Packets) {
			t.Fatalf("%+v, want number %d of teller %d", n, seen[n.Device], n.Device)
		}
		seen[n.Device]++
	}
	wait.Wait()
}

// Nothing is written that nobody reads; a monitor that comes later gets what happens then.
func TestJournalWithoutReader(t *testing.T) {
	monitored(t)
	m, publisher := newMonitor(t), newPublisher(t)
	publish(t, publisher, journal.Event{Packets: 1})
	next(t, m, 1)
	atomic.StoreUint64(m.Lease(), 0)
	publish(t, publisher, journal.Event{Packets: 2})
	apply(t, change(eroute.OpAdd, "10.1.0.0/16", eroute.Drop))
	if head := atomic.LoadUint64(m.Head()); head != 1 {
		t.Errorf("%d notices were written, want 1", head)
	}
	later := newMonitor(t)
	publish(t, publisher, journal.Event{Packets: 3})
	if got := next(t, later, 1); got[0].Packets != 3 {
		t.Errorf("got %+v", got)
	}
}

// What was begun and never written, because its writer was killed, is lost, and no more.
func TestJournalWriterKilled(t *testing.T) {
	monitored(t)
	m, publisher := newMonitor(t), newPublisher(t)
	publish(t, publisher, journal.Event{Packets: 1})
	atomic.AddUint64(m.Head(), 1)
	publish(t, publisher, journal.Event{Packets: 3})
	start := time.Now()
	next(t, m, 1)
	notices, lost, err := m.Read(t.Context())
	if err != nil || lost != 1 || len(notices) != 1 || notices[0].Packets != 3 || time.Since(start) < journal.StuckTimeout {
		t.Errorf("%v, %d lost, %v after %v", notices, lost, err, time.Since(start))
	}
}

// A table that was created again is followed.
func TestMonitorNewTable(t *testing.T) {
	monitored(t)
	m := newMonitor(t)
	removed(t, openWrite(t))
	apply(t, change(eroute.OpAdd, "10.1.0.0/16", eroute.Drop))
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if notices, lost, err := m.Read(ctx); !errors.Is(err, journal.ErrNewTable) {
		t.Fatalf("%v, %d lost, %v", notices, lost, err)
	}
	apply(t, change(eroute.OpDel, "10.1.0.0/16", eroute.SAID{}))
	if got := next(t, m, 1); got[0].Kind != journal.KindDel {
		t.Errorf("got %+v", got)
	}
}

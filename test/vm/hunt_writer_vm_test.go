// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/sas"
)

// writer changes the table of a hunt at random.
type writer struct {
	*hunt
	t    *testing.T
	rand *rand.Rand
	dir  string         // for files
	done map[string]int // number of actions, by outcome

	starved int // changes that failed for lack of memory
}

func (w *writer) run(end time.Time) {
	w.dir, w.done = w.t.TempDir(), map[string]int{}
	for n := 0; time.Now().Before(end) && !w.t.Failed(); n++ {
		if n%15 == 0 {
			w.starve()
		}
		switch r := w.rand.IntN(100); {
		case r < 45:
			w.change("change", w.changes(1), w.inProcess)
		case r < 55:
			w.change("command", w.changes(1+w.rand.IntN(3)), w.byCommand)
		case r < 65:
			w.change("batch", w.changes(5+w.rand.IntN(30)), w.inProcess)
		case r < 70:
			w.change("clear", []eroute.Change{{Op: eroute.OpClear}}, w.inProcess)
		case r < 73:
			w.change("refill", w.refill(), w.byCommand)
		case r < 78:
			w.restore()
		case r < 86:
			w.change("kill", w.changes(20+w.rand.IntN(200)), w.byKilled)
		case r < 92:
			w.rekey()
		case r < 95:
			w.setAside()
		default:
			w.change("full", w.changes(5), w.whenFull)
		}
	}
}

// change makes changes to the table one by one.
func (w *writer) change(name string, changes []eroute.Change, make func([]eroute.Change) error) {
	last, may := clone(w.table), w.allowed(w.table)
	for _, c := range changes {
		apply(last, c)
		may = either(may, w.allowed(last))
	}
	what := fmt.Sprintf("%s, %d changes, the first %s", name, len(changes), line(changes[0]))
	w.during(name, what, may, last, func() error { return make(changes) })
}

// restore replaces the table atomically.
func (w *writer) restore() {
	var eroutes []eroute.Change
	last := &eroute.Linear{}
	for _, c := range w.changes(100) {
		if c.Op == eroute.OpDel || last.Add(c.Selector, c.SAID) != nil {
			continue
		}
		c.Op = eroute.OpAdd
		eroutes = append(eroutes, c)
	}
	may := either(w.allowed(w.table), w.allowed(last))
	w.during("restore", fmt.Sprintf("restore %d eroutes", len(eroutes)), may, last, func() error {
		return w.East.Do(func() error {
			table, err := maps.OpenWrite()
			if err != nil {
				return err
			}
			_, err = table.Restore(context.Background(), func(yield func(eroute.Change, error) bool) {
				for _, c := range eroutes {
					if !yield(c, nil) {
						return
					}
				}
			}, true)
			return errors.Join(err, table.Close())
		})
	})
}

// setAside sets an SA aside, or puts it back.
func (w *writer) setAside() {
	said, aside := w.sas.said(w.t, []eroute.Family{eroute.Inet, eroute.Inet6}[w.rand.IntN(2)], w.rand), w.rand.IntN(2) == 0
	w.during("set aside", fmt.Sprintf("set %s aside: %t", said, aside), w.allowed(w.table), clone(w.table), func() error {
		return w.East.Do(func() error {
			table, err := maps.OpenWrite()
			if err != nil {
				return err
			}
			if _, err = table.SetAside(said, aside); errors.Is(err, sas.ErrNoGroup) {
				err = nil
			}
			return errors.Join(err, table.Close())
		})
	})
}

// during has the table changed into last, and sets what streams may do meanwhile and afterwards.
func (w *writer) during(name, what string, meanwhile []bool, last *eroute.Linear, make func() error) {
	from := time.Now()
	w.permit(meanwhile)
	err := make()
	if err == nil {
		w.permit(w.allowed(last))
	}
	now, listErr := w.listed()
	if listErr != nil {
		w.t.Error(listErr)
		return
	}
	if err == nil && !sameEroutes(last, now) {
		w.t.Errorf("%s: the listing has %d eroutes, want %d", what, len(now.List()), len(last.List()))
	}
	w.table = now
	w.permit(w.allowed(now))
	outcome := "done"
	switch {
	case errors.Is(err, unix.ENOMEM):
		outcome = "failed for want of memory"
		w.starved++
	case err != nil:
		outcome = "not all"
	}
	w.done[name+" "+outcome]++
	w.note(from, fmt.Sprintf("%s: %v", what, err))
}

// allowed returns which streams a table permits in clear.
func (w *writer) allowed(table *eroute.Linear) []bool {
	may := make([]bool, len(w.lanes))
	for i, l := range w.lanes {
		e, ok := table.Lookup(l.packet)
		may[i] = ok && e.SAID == eroute.Pass
	}
	return may
}

func either(a, b []bool) []bool {
	for i := range a {
		a[i] = a[i] || b[i]
	}
	return a
}

func clone(table *eroute.Linear) *eroute.Linear {
	next := &eroute.Linear{}
	for _, e := range table.List() {
		next.Replace(e.Selector, e.SAID)
	}
	return next
}

// apply makes a change that the table accepts.
func apply(table *eroute.Linear, c eroute.Change) {
	switch c.Op {
	case eroute.OpClear:
		table.Clear()
	case eroute.OpDel:
		_ = table.Del(c.Selector) // it exists
	default:
		table.Replace(c.Selector, c.SAID)
	}
}

func sameEroutes(a, b *eroute.Linear) bool {
	return slices.EqualFunc(a.List(), b.List(), func(x, y eroute.Eroute) bool {
		return x.Selector == y.Selector && x.SAID == y.SAID
	})
}

// listed reads the table without the flows of traps.
func (w *writer) listed() (*eroute.Linear, error) {
	table := &eroute.Linear{}
	err := w.East.Do(func() error {
		kernel, err := maps.OpenRead()
		if err != nil {
			return err
		}
		defer func() { _ = kernel.Close() }()
		for e, err := range kernel.Written() {
			if err != nil {
				return err
			}
			if err := table.Add(e.Selector, e.SAID); err != nil {
				return err
			}
		}
		return nil
	})
	return table, err
}

// inProcess makes changes like a command.
func (w *writer) inProcess(changes []eroute.Change) error {
	return w.East.Do(func() error {
		table, err := maps.OpenWrite()
		if err != nil {
			return err
		}
		return errors.Join(table.Apply(context.Background(), changes), table.Close())
	})
}

// byCommand makes changes by ipsec eroute --batch.
func (w *writer) byCommand(changes []eroute.Change) error {
	return w.command("eroute --batch " + w.file(changes))
}

// byKilled is byCommand, killed at a random time.
func (w *writer) byKilled(changes []eroute.Change) error {
	return w.killed("eroute --batch "+w.file(changes), time.Duration(w.rand.IntN(800))*time.Millisecond)
}

// whenFull makes changes to a table without space for another eroute.
func (w *writer) whenFull(changes []eroute.Change) error {
	limit := func(n int) error { return w.command(fmt.Sprintf("eroute --limit %d", n)) }
	return errors.Join(limit(max(1, len(w.table.List()))), w.inProcess(changes), limit(100000))
}

// starve makes changes while the kernel has no memory for the tries. Memory is charged to the group of the
// writer, so a writer in the group runs first; and the kernel keeps some for each trie, so there are more new
// eroutes than that suffices for.
func (w *writer) starve() {
	w.change("refill", w.refill(), func(changes []eroute.Change) error {
		return w.commandIn("eroute --batch "+w.file(changes), w.group)
	})
	changes := w.changes(50)
	for range 200 {
		other := netip.AddrFrom4([4]byte{198, 18, byte(w.rand.IntN(256)), byte(w.rand.IntN(256))})
		changes = append(changes, eroute.Change{Op: eroute.OpReplace, Selector: nets(lab.Only(other), lab.WestLAN4), SAID: eroute.Drop})
	}
	w.change("no memory", changes, w.withoutMemory)
}

// withoutMemory makes changes while the group cannot allocate memory.
func (w *writer) withoutMemory(changes []eroute.Change) error {
	return errors.Join(w.group.limit(), w.inProcess(changes), w.group.unlimit())
}

// file writes changes as a batch.
func (w *writer) file(changes []eroute.Change) string {
	var text strings.Builder
	for _, c := range changes {
		fmt.Fprintln(&text, line(c))
	}
	path := filepath.Join(w.dir, "batch")
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		w.t.Error(err)
	}
	return path
}

// line is a change as a line of a batch.
func line(c eroute.Change) string {
	if c.Op == eroute.OpClear {
		return "--clear"
	}
	s := c.Selector
	text := fmt.Sprintf("--%s --src %s --dst %s", c.Op, s.Src, s.Dst)
	if s.Proto != 0 {
		text += fmt.Sprintf(" --transport-proto %d --src-port %d", s.Proto, s.SrcPort)
	}
	if c.Op == eroute.OpDel {
		return text
	}
	text += " --said " + c.SAID.String()
	if c.SAID.Traps() {
		text += " --acquire-reqid 7"
	}
	return text
}

// refill is a batch that clears the table and fills it again.
func (w *writer) refill() []eroute.Change {
	changes := []eroute.Change{{Op: eroute.OpClear}}
	for _, e := range w.table.List() {
		changes = append(changes, withAcquire(eroute.Change{Op: eroute.OpAdd, Selector: e.Selector, SAID: e.SAID}))
	}
	return changes
}

func withAcquire(c eroute.Change) eroute.Change {
	if c.SAID.Traps() {
		c.Acquire = eroute.DefaultAcquire
		c.Acquire.ReqID = 7
	}
	return c
}

// rekey moves all eroutes of an SA to a new one and deletes the old one.
func (w *writer) rekey() {
	family := []eroute.Family{eroute.Inet, eroute.Inet6}[w.rand.IntN(2)]
	old, renewed, deleteOld, err := w.sas.rekey(family, w.rand)
	if err != nil {
		w.t.Error(err)
		return
	}
	var changes []eroute.Change
	for _, e := range w.table.List() {
		if e.SAID.SPI == old {
			said := e.SAID
			said.SPI = renewed
			changes = append(changes, eroute.Change{Op: eroute.OpReplace, Selector: e.Selector, SAID: said})
		}
	}
	if len(changes) > 0 {
		w.change("rekey", changes, w.inProcess)
	}
	if err := deleteOld(); err != nil {
		w.t.Error(err)
	}
}

// changes generates changes that the table accepts, most of them of the streams' eroutes.
func (w *writer) changes(n int) (changes []eroute.Change) {
	there := map[eroute.Selector]bool{}
	for _, e := range w.table.List() {
		there[e.Selector] = true
	}
	for range n {
		s, family := w.selector()
		c := withAcquire(eroute.Change{Op: eroute.OpReplace, Selector: s, SAID: w.said(family)})
		switch {
		case there[s] && w.rand.IntN(4) == 0:
			c = eroute.Change{Op: eroute.OpDel, Selector: s}
		case !there[s] && w.rand.IntN(2) == 0:
			c.Op = eroute.OpAdd
		}
		changes = append(changes, c)
		there[s] = c.Op != eroute.OpDel
	}
	return changes
}

// selector is that of a stream, one that covers all of a family's, or an unrelated one.
func (w *writer) selector() (eroute.Selector, eroute.Family) {
	switch r := w.rand.IntN(10); {
	case r < 6:
		l := w.lanes[w.rand.IntN(len(w.lanes))]
		return l.selector, l.tunnels
	case r == 6:
		return nets(lab.EastLAN4, lab.WestLAN4), eroute.Inet
	case r == 7:
		return nets(lab.EastLAN6, lab.WestLAN6), eroute.Inet6
	}
	other := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(w.rand.IntN(4)), byte(w.rand.IntN(256)), 0}), 24)
	return nets(other, lab.WestLAN4), eroute.Inet
}

func (w *writer) said(family eroute.Family) eroute.SAID {
	switch r := w.rand.IntN(20); {
	case r < 6:
		return eroute.Pass
	case r < 13:
		return w.saOrGroup(family)
	default:
		return []eroute.SAID{eroute.Drop, eroute.Reject, eroute.Hold, eroute.Trap, eroute.Trap, eroute.TrapSubnet, eroute.Drop}[r-13]
	}
}

// saOrGroup returns an SA, or a group of some, which can end with %trap.
func (w *writer) saOrGroup(family eroute.Family) eroute.SAID {
	members := make([]eroute.SAID, max(1, w.rand.IntN(6)-1))
	for i := range members {
		members[i] = w.sas.said(w.t, family, w.rand)
	}
	if w.rand.IntN(4) == 0 {
		members = append(members, eroute.Trap)
	}
	if len(members) == 1 {
		return members[0]
	}
	group, err := eroute.NewGroup([]eroute.Spread{eroute.SpreadFlow, eroute.SpreadFailover}[w.rand.IntN(2)], members...)
	if err != nil {
		w.t.Fatal(err)
	}
	return group
}

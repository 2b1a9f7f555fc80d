// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Apply makes changes in their order. All are checked first, each against the table
// as the ones before it leave it: an *eroute.ChangeError names the first that cannot
// be made, and then nothing is changed. When Apply has returned, no packet meets what
// was replaced or deleted any more. A context that ends stops between two changes.
func (t *Table) Apply(ctx context.Context, changes []eroute.Change) error {
	if err := t.check(changes); err != nil {
		return err
	}
	return t.change(func(w *writer) error {
		for i, c := range changes {
			err := ctx.Err()
			if err == nil {
				err = w.apply(c)
			}
			if err != nil {
				return &eroute.ChangeError{Index: i, Change: c, Err: err}
			}
		}
		return nil
	})
}

// change lets make change the table, and waits until no packet meets what was before.
func (t *Table) change(make func(*writer) error) error {
	view, err := t.viewXFRM()
	if err != nil {
		return err
	}
	if err := t.beginWriting(); err != nil {
		return err
	}
	// An SA that cannot be installed drops its packets, and is no reason to refuse
	// other changes: it is for Sync to name it.
	_ = t.reconcile(view)
	w := &writer{Table: t, view: view, endedTraps: map[uint32]End{}}
	return errors.Join(make(w), w.settle(), t.endWriting(), tellRelay(w.ended))
}

// check goes through the changes without making them.
func (t *Table) check(changes []eroute.Change) error {
	meta, err := t.meta()
	if err != nil {
		return err
	}
	var (
		cleared bool
		count   = meta.Count
		changed = make(map[eroute.Selector]presence) // by now
	)
	for i, c := range changes {
		refuse := func(err error) error { return &eroute.ChangeError{Index: i, Change: c, Err: err} }
		if err := c.Validate(); err != nil {
			return refuse(err)
		}
		if c.Op == eroute.OpClear {
			cleared, count = true, 0
			clear(changed)
			continue
		}
		is, known := changed[c.Selector]
		if !known && !cleared {
			if is, err = t.presence(c.Selector); err != nil {
				return err
			}
		}
		exists := is.row || is.flow
		switch {
		case c.Op == eroute.OpDel && !exists:
			return refuse(eroute.ErrNotFound)
		case c.Op == eroute.OpAdd && exists:
			return refuse(eroute.ErrExist)
		case c.Op == eroute.OpDel && is.row:
			count--
		case c.Op == eroute.OpDel || is.row:
		case count >= meta.Limit:
			return refuse(fmt.Errorf("%w: the limit is %d eroutes", eroute.ErrTableFull, meta.Limit))
		default:
			count++
		}
		changed[c.Selector] = presence{row: c.Op != eroute.OpDel}
	}
	return nil
}

// presence is where an eroute is: in the table, among the flows of traps, or in both,
// where the flow goes before the trap that it came from.
type presence struct{ row, flow bool }

func (t *Table) presence(s eroute.Selector) (is presence, err error) {
	if _, is.row, err = t.gen.row(s); err != nil {
		return is, err
	}
	flow, err := t.flow(s)
	is.flow = flow != nil
	return is, err
}

// SetLimit sets how many eroutes the table may hold, both families together. Returns
// an error if it holds more, or if the kernel's tries cannot hold as many.
func (t *Table) SetLimit(limit uint32) error {
	meta, err := t.meta()
	if err != nil {
		return err
	}
	if limit < meta.Count {
		return fmt.Errorf("set limit to %d: the table holds %d eroutes", limit, meta.Count)
	}
	// A full trie refuses even an update in place: one entry stays spare.
	if limit >= uint32(bpf.ABILimitsEROUTE_MAX) {
		return fmt.Errorf("set limit to %d: the most is %d", limit, bpf.ABILimitsEROUTE_MAX-1)
	}
	meta.Limit = limit
	return t.setMeta(meta)
}

// beginWriting has packets neither use nor leave remembered answers until endWriting,
// after which none from before counts: bpf/cache.h.
func (t *Table) beginWriting() error {
	meta, err := t.meta()
	if err != nil {
		return err
	}
	meta.Writing = 1
	if err := t.setMeta(meta); err != nil {
		return err
	}
	meta.Version++ // once writing is seen
	return t.setMeta(meta)
}

func (t *Table) endWriting() error {
	meta, err := t.meta()
	if err != nil {
		return err
	}
	meta.Writing = 0
	return t.setMeta(meta)
}

// waitForPackets returns when every packet that was being classified has been.
// Programs run under RCU, and MEMBARRIER_CMD_GLOBAL waits for a grace period
// (kernel/sched/membarrier.c).
func waitForPackets() error {
	const global = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); errno != 0 {
		return fmt.Errorf("wait for packets in flight: membarrier: %w", errno)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package eroute

import "fmt"

// Op is what a [Change] does to the table.
type Op uint8

// The operations. The zero Op is invalid.
const (
	OpAdd     Op = 1 + iota // fails with [ErrExist] if the selector is in the table
	OpReplace               // adds it if the selector is not in the table
	OpDel                   // fails with [ErrNotFound] if the selector is not in the table
	OpClear                 // removes every eroute of both families
)

// String returns the command-line option of the operation, without its dashes.
func (o Op) String() string {
	switch o {
	case OpAdd:
		return "add"
	case OpReplace:
		return "replace"
	case OpDel:
		return "del"
	case OpClear:
		return "clear"
	}
	return fmt.Sprintf("op(%d)", uint8(o))
}

// Change is one change of the table.
type Change struct {
	Op       Op
	Selector Selector      // not for OpClear
	SAID     SAID          // for OpAdd and OpReplace only
	Acquire  AcquireParams // for traps only; zero: [DefaultAcquire]
	Followed bool          // of an eroute made from a policy of XFRM; commands do not change those
}

// Validate checks the fields that the operation uses. Returns [ErrBadOp], [ErrBadSAID], [ErrBadAcquire] or an
// error of [Selector.Validate].
func (c Change) Validate() error {
	switch c.Op {
	case OpClear:
		return nil
	case OpDel:
		return c.Selector.Validate()
	case OpAdd, OpReplace:
		if err := c.Selector.Validate(); err != nil {
			return err
		}
		if err := c.SAID.Validate(); err != nil || c.Acquire == (AcquireParams{}) {
			return err
		}
		if !c.SAID.Traps() {
			return fmt.Errorf("check change: %s sends no ACQUIRE: %w", c.SAID, ErrBadAcquire)
		}
		return c.Acquire.Validate()
	}
	return fmt.Errorf("check change: %s: %w", c.Op, ErrBadOp)
}

// ChangeError reports which of several changes was refused, and why.
type ChangeError struct {
	Index  int // from 0
	Change Change
	Err    error
}

func (e *ChangeError) Error() string {
	if e.Change.Op == OpClear {
		return fmt.Sprintf("clear: %v", e.Err)
	}
	s := e.Change.Selector
	text := fmt.Sprintf("%s %s -> %s", e.Change.Op, end(s.Src, s.SrcPort), end(s.Dst, s.DstPort))
	if s.Proto != 0 {
		text += fmt.Sprintf(" protocol %d", s.Proto)
	}
	return fmt.Sprintf("%s: %v", text, e.Err)
}

func (e *ChangeError) Unwrap() error { return e.Err }

// SPDX-License-Identifier: Apache-2.0

// Package publish reads tables for a fleet.
package publish

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Reader reads tables in the format of ipsec eroute --save.
type Reader struct {
	Resolver eroute.Resolver
	Names    func() *eroute.Names
}

// Table is a valid table.
type Table struct {
	Text    []byte // one line for each eroute, without names of hosts or services: the same on all gateways
	Eroutes int
	*diff.Table
}

// errSA refuses an eroute to an SA. %xfrm is permitted where a command wrote it: it names no SA, and packets that no
// policy of a gateway protects drop there. Those that follow policies of XFRM are in no saved table.
var errSA = errors.New("an SA of one gateway: a table of a fleet has %trap, %trapsubnet, %xfrm, %pass, %drop, %reject, %hold and groups")

// Read reads a table. name is the option or the object that names it, for errors. It refuses eroutes to a single SA:
// its SPI was chosen for one gateway.
func (r Reader) Read(ctx context.Context, f io.Reader, name string) (*Table, error) {
	all := &erouteargs.Batch{File: name}
	t := &Table{}
	for b := range erouteargs.NewParser(ctx, r.Resolver, r.Names).Batches(f, name) {
		if b.Err != nil {
			return nil, b.Err
		}
		for i, c := range b.Changes.All() {
			if c.Op != eroute.OpAdd {
				return nil, b.NotAdd(i)
			}
			err := c.Validate()
			if err == nil && c.SAID.Action() == eroute.ActionSA && !c.SAID.IsGroup() {
				err = fmt.Errorf("--said value %q: %w", c.SAID, errSA)
			}
			if err != nil {
				return nil, &erouteargs.LineError{File: name, Line: int(b.Lines[i]), Err: err}
			}
			t.Text = append(append(t.Text, erouteargs.AddLine(&eroute.Eroute{Selector: c.Selector, SAID: c.SAID, Acquire: c.Acquire})...), '\n')
		}
		all.Changes.Extend(&b.Changes)
		all.Lines = append(all.Lines, b.Lines...)
	}
	table, err := all.Table()
	if err != nil {
		return nil, err
	}
	t.Table, t.Eroutes = table, all.Changes.Len()
	return t, nil
}

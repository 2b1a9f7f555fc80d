// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"

	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/publish"
)

func runDiff(c *command, ctx context.Context) error {
	return c.asOperator(ctx, func(o *operator) error {
		var tables [2]*publish.Table
		var ids [2]string
		for i, word := range c.words {
			var err error
			if ids[i], err = o.store.FindRevision(ctx, word); err != nil {
				return err
			}
			if tables[i], err = c.fetch(ctx, o, ids[i]); err != nil {
				return err
			}
		}
		result, err := diff.Compare(ctx, tables[0].Table, tables[1].Table, diff.Options{})
		if err != nil {
			return err
		}
		if c.opts.HasName(jsonOption.Name) {
			return render.DifferenceJSON(c.out, result)
		}
		return render.Painter(false).Difference(c.out, fleet.ShortID(ids[0]), fleet.ShortID(ids[1]), result)
	})
}

// fetch returns the table of a revision.
func (c *command) fetch(ctx context.Context, o *operator, id string) (*publish.Table, error) {
	value, err := o.store.Revision(ctx, id)
	if err != nil {
		return nil, err
	}
	r, err := fleet.OpenRevision(id, value, o.keys)
	if err != nil {
		return nil, err
	}
	pieces, err := o.store.Pieces(ctx, r)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := r.Unpack(&text, pieces); err != nil {
		return nil, err
	}
	return publish.Read(ctx, c.reader(), &text, "revision "+fleet.ShortID(id))
}

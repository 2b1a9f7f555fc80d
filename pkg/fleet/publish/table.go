// SPDX-License-Identifier: Apache-2.0

// Package publish reads tables for a fleet.
package publish

import (
	"context"
	"io"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// Table is a valid table.
type Table struct {
	Text        []byte // the same on all gateways
	Eroutes     int    // with the values of the reader, as those of the comparable table
	*diff.Table        // to compare it
}

// Read reads a table or template. name is the option or the object that names it, for errors.
func Read(ctx context.Context, r template.Reader, f io.Reader, name string) (*Table, error) {
	all := &erouteargs.Batch{File: name}
	t := &Table{}
	err := r.Each(ctx, f, name, func(l *template.Line) error {
		t.Text = append(append(t.Text, l.Text...), '\n')
		for _, c := range l.Changes {
			all.Changes.Append(c)
			all.Lines = append(all.Lines, uint32(l.Number))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	table, err := all.Table()
	if err != nil {
		return nil, err
	}
	t.Table, t.Eroutes = table, all.Changes.Len()
	return t, nil
}

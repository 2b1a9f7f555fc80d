// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/ipsec-eroute/eroute/internal/emptytable"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// openForReading opens the table, or an empty one if there is none.
func (c *command) openForReading() (table, error) {
	c.note("opening the table for reading")
	t, err := orEmptyTable(c.env.openRead())
	if t == (emptytable.Table{}) {
		c.note("no table in this network namespace: treated as empty")
	}
	return t, err
}

// openForChange opens the table for writing. If there is none it creates one if makes is true, and otherwise
// returns an empty table.
func (c *command) openForChange(makes bool) (table, error) {
	if !makes {
		t, err := orEmptyTable(c.env.openRead())
		if err != nil {
			return nil, err
		}
		if t == (emptytable.Table{}) {
			c.note("no table in this network namespace")
			return t, nil
		}
		if err := t.Close(); err != nil {
			return nil, err
		}
	}
	c.note("opening the table for writing")
	return c.env.openWrite()
}

// orEmptyTable replaces the error that there is no table with an empty table.
func orEmptyTable(t table, err error) (table, error) {
	if errors.Is(err, loader.ErrNoTable) {
		return emptytable.Table{}, nil
	}
	return t, err
}

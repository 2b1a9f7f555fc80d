// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/files"
)

// savePermissions is the mode of a new file before the umask; the user's own file keeps its mode.
const savePermissions fs.FileMode = 0o600

// runSave implements --save: it writes the table as a batch, without the flows of traps.
func runSave(c *command) error {
	if c.opts.Value(erouteargs.OptSave) == "-" {
		return c.fromTable(func(t table, w io.Writer) error { return writeSaved(w, t) })
	}
	return c.save(erouteargs.OptSave, savePermissions, func(w io.Writer) (err error) {
		t, err := c.openForReading()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, t.Close()) }()
		return writeSaved(w, t)
	})
}

// save writes to the file that an option names, or to standard output if it is "-".
func (c *command) save(option cli.ID, permissions fs.FileMode, write func(io.Writer) error) error {
	file := c.opts.Value(option)
	if file == "-" {
		return write(c.out)
	}
	what := c.opts.Name(option) + " " + file
	var failed error
	err := c.env.saveFile(file, permissions, func(w io.Writer) error {
		failed = write(files.Output{W: w, What: what})
		return failed
	})
	if failed != nil { // may be an error of the table, not of the file
		return failed
	}
	if err != nil {
		return &files.Error{What: what, Err: files.WithoutPath(err)}
	}
	return nil
}

func writeSaved(w io.Writer, t table) error {
	for e, err := range t.Written() {
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w, erouteargs.AddLine(&e)); err != nil {
			return err
		}
	}
	return nil
}

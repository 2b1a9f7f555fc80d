// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// savePermissions is the mode of a new file before the umask; the user's own file keeps its mode.
const savePermissions fs.FileMode = 0o600

// runSave implements --save: it writes the table as a batch, without the flows of traps.
func runSave(c *command) error {
	if c.opts.Value(OptSave) == "-" {
		return c.fromTable(func(t table, w io.Writer) error { return writeSaved(w, t) })
	}
	return c.save(OptSave, savePermissions, func(w io.Writer) (err error) {
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
		if _, err := fmt.Fprintln(w, batchLine(&e)); err != nil {
			return err
		}
	}
	return nil
}

// batchLine returns the line of a batch that adds an eroute.
func batchLine(e *eroute.Eroute) string {
	s := e.Selector
	line := []string{"--add", "--src", s.Src.String(), "--dst", s.Dst.String()}
	add := func(option string, n uint32) {
		if n != 0 {
			line = append(line, option, fmt.Sprint(n))
		}
	}
	add("--transport-proto", uint32(s.Proto))
	add("--src-port", uint32(s.SrcPort))
	add("--dst-port", uint32(s.DstPort))
	line = append(line, "--said", e.SAID.String())
	if a := e.Acquire; a != (eroute.AcquireParams{}) && a != eroute.DefaultAcquire {
		line = append(line, "--acquire-mode", a.Mode.String(), "--acquire-proto", eroute.ProtocolName(a.Proto))
		if a.Peer.IsValid() {
			line = append(line, "--acquire-peer", a.Peer.String())
		}
		add("--acquire-reqid", a.ReqID)
	}
	return strings.Join(line, " ")
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// savePermissions are those of a new file, less the umask; one that is there keeps its own.
const savePermissions fs.FileMode = 0o600

// runSave is --save: the table as a batch. Flows of traps are not in it.
func runSave(c *command) (err error) {
	if c.opts.value(optSave) == "-" {
		return c.fromTable(func(t table, w io.Writer) error { return writeSaved(w, t) })
	}
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return c.save(optSave, savePermissions, func(w io.Writer) error { return writeSaved(w, t) })
}

// save writes to the file that an option names, or to standard output if it is "-".
func (c *command) save(option optionID, permissions fs.FileMode, write func(io.Writer) error) error {
	file := c.opts.value(option)
	if file == "-" {
		return write(c.out)
	}
	err := c.env.saveFile(file, permissions, write)
	// Not of the temporary file, which nobody has named.
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		err = wrong.Err
	}
	if err != nil {
		return &fileError{c.opts.name(option) + " " + file, err}
	}
	return nil
}

// saveFile puts what write writes in the place of a file: at once and whole, or not at all.
func saveFile(name string, permissions fs.FileMode, write func(io.Writer) error) error {
	f, err := renameio.NewPendingFile(name, renameio.WithPermissions(permissions), renameio.WithExistingPermissions())
	if err != nil {
		return err
	}
	defer func() { _ = f.Cleanup() }()
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush()); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
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

// batchLine is the line of a batch that adds an eroute.
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
	if a := e.Ask; a != (eroute.Ask{}) && a != eroute.DefaultAsk {
		line = append(line, "--acquire-mode", a.Mode.String(), "--acquire-proto", eroute.ProtocolName(a.Proto))
		if a.Peer.IsValid() {
			line = append(line, "--acquire-peer", a.Peer.String())
		}
		add("--acquire-reqid", a.ReqID)
	}
	return strings.Join(line, " ")
}

// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// Table is the eroute table of the gateway.
type Table interface {
	// Save writes the table to a file.
	Save(ctx context.Context, file string) error
	// Check reports whether Restore would change the table, or why it would refuse to.
	Check(ctx context.Context, file string, noNewClear bool) (changes bool, err error)
	// Restore replaces the table in one step with that of a file, and records a revision for it, as [Stats] has it. If
	// no eroute changes, it does not disturb holds.
	Restore(ctx context.Context, file, revision string, noNewClear bool) error
	Stats(ctx context.Context) (Stats, error)
}

// noRevision is the revision of a table that is of none.
const noRevision = "none"

// RefusedError means that the table was not changed, and would not be at another attempt.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Stats is the part of the statistics of a table that the health of the gateway depends on.
type Stats struct {
	Eroutes    uint32
	Followed   uint32 // of these, those that follow policies of XFRM: no part of a saved table
	Revision   string // as for ipsec eroute --revision: "none", an ID, or an ID and ",changed"
	SAsMissing int
	Failed     uint64 // packets that dropped, except those that an eroute drops or rejects, or that have none
}

// Command is the table of the network namespace of the process, through the command ipsec, whose rules apply: a
// setting such as no_new_clear in eroute.toml, too.
type Command struct{ Path string }

// Save implements [Table].
func (c Command) Save(ctx context.Context, file string) error {
	_, err := c.run(ctx, "--save", file)
	return err
}

// Check implements [Table].
func (c Command) Check(ctx context.Context, file string, noNewClear bool) (changes bool, err error) {
	out, err := c.run(ctx, append(restoreArgs(file, noNewClear), "--check")...)
	if err != nil {
		return false, err
	}
	var add, change, del, keep int
	if _, err := fmt.Sscanf(out, "would add %d, change %d, delete %d and keep %d", &add, &change, &del, &keep); err != nil {
		return false, fmt.Errorf("%s eroute --check: unexpected output %q", c.Path, out)
	}
	return add+change+del > 0, nil
}

// Restore implements [Table].
func (c Command) Restore(ctx context.Context, file, revision string, noNewClear bool) error {
	_, err := c.run(ctx, append(restoreArgs(file, noNewClear), "--revision", revision)...)
	return err
}

func restoreArgs(file string, noNewClear bool) []string {
	args := []string{"--restore", file}
	if noNewClear {
		args = append(args, "--no-new-clear")
	}
	return args
}

// statsJSON is the part of docs/schema.json that is used.
type statsJSON struct {
	Stats *struct {
		Eroutes    uint32 `json:"eroutes"`
		Followed   uint32 `json:"followed"`
		Revision   string `json:"revision"`
		Changed    bool   `json:"revision_changed"`
		SAsMissing int    `json:"sas_missing"`
		Reasons    []struct {
			Name    string `json:"name"`
			Drop    bool   `json:"drop"`
			Packets uint64 `json:"packets"`
		} `json:"reasons"`
	} `json:"stats"`
}

// Stats implements [Table].
func (c Command) Stats(ctx context.Context) (s Stats, err error) {
	out, err := c.run(ctx, "--stats", "--json")
	if err != nil {
		return s, err
	}
	var doc statsJSON
	if err := json.Unmarshal([]byte(out), &doc); err != nil || doc.Stats == nil {
		return s, errors.Join(fmt.Errorf("%s eroute --stats --json: unexpected output", c.Path), err)
	}
	s = Stats{Eroutes: doc.Stats.Eroutes, Followed: doc.Stats.Followed, SAsMissing: doc.Stats.SAsMissing, Revision: cmp.Or(doc.Stats.Revision, noRevision)}
	if doc.Stats.Changed {
		s.Revision += ",changed"
	}
	for _, r := range doc.Stats.Reasons {
		switch r.Name {
		case "drop", "reject", "no-eroute":
		default:
			if r.Drop {
				s.Failed += r.Packets
			}
		}
	}
	return s, nil
}

// run runs ipsec eroute and returns its output. The error is its last line.
func (c Command) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.Path, append([]string{"eroute"}, args...)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.Exited() {
		lines := strings.Split(strings.TrimSpace(errs.String()), "\n")
		return "", &RefusedError{strings.TrimPrefix(lines[len(lines)-1], "ipsec eroute: ")}
	}
	if err != nil {
		return "", fmt.Errorf("run %s: %w", c.Path, err)
	}
	return out.String(), nil
}

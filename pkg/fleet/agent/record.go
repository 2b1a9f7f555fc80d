// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
)

// record is what the agent must not forget.
type record struct {
	Ring     string      `json:"ring"`
	Serial   uint64      `json:"serial"`   // of the last assignment that was accepted
	Revision string      `json:"revision"` // of that assignment
	State    fleet.State `json:"state"`    // what became of it
	Reason   string      `json:"reason,omitempty"`

	// Serials are those of other rings that the gateway was in: an old assignment is refused after it has returned.
	Serials map[string]uint64 `json:"serials,omitempty"`

	// Pending is set while the table of Revision is in use but not confirmed. To go back, the agent restores previousFile,
	// the table of the revision Before (see [Stats]), with the SHA-256 Previous.
	Pending  bool   `json:"pending"`
	Before   string `json:"before,omitempty"`
	Previous string `json:"previous,omitempty"`

	Confirmed string `json:"confirmed,omitempty"` // the last confirmed revision; its table is kept
	Table     string `json:"table,omitempty"`     // SHA-256 of that table, with the values of variables
}

// Names in the directory of the state.
const (
	recordFile   = "state.json"
	previousFile = "previous.table"
	templateFile = "template.table"
	resolvedFile = "resolved.table"
	tableSuffix  = ".table"
)

func (a *Agent) path(name string) string { return filepath.Join(a.Dir, name) }

// tablePath returns the path of a table with this SHA-256. The same revision is another table after a variable was
// changed, and the confirmed one is kept until then.
func (a *Agent) tablePath(digest string) string { return a.path(digest + tableSuffix) }

// lock locks the directory of the state until the file is closed or the process ends: two agents would change the same
// table, and each would go back to that of the other.
func (a *Agent) lock() (*os.File, error) {
	dir, err := os.Open(a.Dir)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = errors.New("another agent uses it")
	}
	if err != nil {
		_ = dir.Close()
		return nil, fmt.Errorf("state %s: %w", a.Dir, err)
	}
	return dir, nil
}

// load reads the record, if there is one.
func (a *Agent) load() error {
	data, err := os.ReadFile(a.path(recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(data, &a.record)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", a.path(recordFile), err)
	}
	return nil
}

// keep writes the record.
func (a *Agent) keep() error {
	data, err := json.Marshal(&a.record)
	if err != nil {
		return err
	}
	return files.Save(a.path(recordFile), 0o600, func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}

// forget removes all tables except the confirmed one, and what is left of those that were being written when a process
// was killed.
func (a *Agent) forget() {
	all, _ := filepath.Glob(a.path("*" + tableSuffix))
	partial, _ := filepath.Glob(a.path(".*" + tableSuffix + "*"))
	all = append(all, partial...)
	for _, file := range all {
		if file != a.tablePath(a.record.Table) {
			if err := os.Remove(file); err != nil {
				a.Log.Warn("remove an old table", "error", err)
			}
		}
	}
}

// moveTo makes the record that of a gateway in a ring: each ring has its own serial numbers.
func (r *record) moveTo(ring string) {
	if r.Ring == ring {
		return
	}
	if r.Serial != 0 {
		if r.Serials == nil {
			r.Serials = make(map[string]uint64)
		}
		r.Serials[r.Ring] = r.Serial
	}
	r.Ring, r.Serial, r.Revision, r.State, r.Reason = ring, r.Serials[ring], "", "", ""
}

// checkConfirmed returns an error if the confirmed table on disk is damaged.
func (a *Agent) checkConfirmed() error { return check(a.tablePath(a.record.Table), a.record.Table) }

// check returns an error if a file does not have that SHA-256.
func check(path, want string) error {
	digest, err := digestOf(path)
	if err == nil && digest != want {
		err = fmt.Errorf("%s: damaged", path)
	}
	return err
}

// digestOf returns the SHA-256 of a file.
func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// A confirmed table that cannot be restored after a boot is restored later, whatever became of the last assignment: by the
// agent itself, without the store, or from the store if it is damaged on disk.
func TestEmptyAfterBoot(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	open := newStore(t)
	keys := func() ([]ed25519.PublicKey, error) { return []ed25519.PublicKey{public}, nil }
	const text = "--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop\n"
	blob, err := fleet.Pack([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	id, value, err := fleet.NewRevision(blob).Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Publish(t.Context(), id, value, blob); err != nil {
		t.Fatal(err)
	}
	for _, state := range []fleet.State{fleet.RolledBack, fleet.Refused, fleet.Confirmed} {
		for _, damaged := range []bool{false, true} {
			table := &fakeTable{}
			a := newAgent(t, open, table)
			a.Keys, a.data = keys, s
			onDisk := text
			a.record = record{Ring: "ring", Serial: 2, Revision: second, State: state, Confirmed: id, Table: sum(text)}
			if state == fleet.Confirmed {
				a.record.Revision = id
			}
			table.text, table.failing = nil, errors.New("no memory")
			if damaged {
				onDisk = "--add"
			}
			if err := os.WriteFile(a.tablePath(a.record.Table), []byte(onDisk), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := a.begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := a.turn(t.Context(), nil); !errors.Is(err, table.failing) {
				t.Errorf("%s, damaged %t: %v", state, damaged, err)
			}
			table.failing = nil
			if err := a.turn(t.Context(), nil); err != nil || table.revision != id || len(table.text) < len("--add\n") || a.record.State != state {
				t.Errorf("%s, damaged %t: %v, %q, %+v", state, damaged, err, table.text, a.record)
			}
			table.restoring = func() { t.Error("restored again") }
			if err := a.turn(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}
	}
}

// A gateway that returns to a ring refuses the assignments of that ring that are older than the one it had.
func TestSerialOfRing(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(t, nil, &fakeTable{})
	a.Keys = func() ([]ed25519.PublicKey, error) { return []ed25519.PublicKey{public}, nil }
	a.record.Serial, a.record.State = 50, fleet.Confirmed
	for _, ring := range []string{"other", "ring"} {
		a.Gateway.Ring = ring
		if err := a.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	old := fleet.Assignment{Ring: "ring", Serial: 49, Revision: second, Time: time.Now()}
	value, err := old.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.turn(t.Context(), &store.Stored{Name: "ring", Value: value}); err != nil {
		t.Error(err)
	}
	if s, _ := a.Status(); s.State != fleet.Refused || !strings.Contains(s.Reason, "serial 49 is below 50") {
		t.Errorf("%+v", s)
	}
}

// The agent does not go back to a table whose file is damaged, but to the confirmed one.
func TestPreviousDamaged(t *testing.T) {
	table := &fakeTable{}
	a := newAgent(t, nil, table)
	confirmed(t, a)
	savePrevious(t, a)
	a.record.Pending, a.record.Before = true, second
	table.text, table.revision = []byte("second\n"), second
	if err := os.WriteFile(a.path(previousFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.begin(t.Context()); err != nil || string(table.text) != "first\n" || table.revision != first || a.record.Pending {
		t.Errorf("%v, %q, %+v", err, table.text, a.record)
	}
}

// One check of the health does not suffice, however long it takes.
func TestTwoChecks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checks")
	a := newAgent(t, newStore(t), &fakeTable{}, "sh", "-c", "echo >>"+file+"; sleep 1.1")
	if err := a.await(t.Context(), Stats{}); err != nil {
		t.Fatal(err)
	}
	if checks, err := os.ReadFile(file); err != nil || len(checks) != minChecks {
		t.Errorf("%d checks, %v", len(checks), err)
	}
}

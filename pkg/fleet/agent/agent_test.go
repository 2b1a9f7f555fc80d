// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/etcd"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// fakeTable is a table of lines.
type fakeTable struct {
	text      []byte
	revision  string
	restoring func() // before each Restore
	failing   error  // of Restore
	restored  func() // after it
}

func (f *fakeTable) Save(_ context.Context, file string) error {
	return os.WriteFile(file, f.text, 0o600)
}

func (f *fakeTable) Check(_ context.Context, file string, _ bool) (changes bool, err error) {
	text, err := os.ReadFile(file)
	return !bytes.Equal(text, f.text), err
}

func (f *fakeTable) Restore(ctx context.Context, file, revision string, _ bool) (err error) {
	if f.restoring != nil {
		f.restoring()
	}
	if err := errors.Join(ctx.Err(), f.failing); err != nil {
		return err
	}
	f.text, err = os.ReadFile(file)
	f.revision = revision
	if f.restored != nil {
		f.restored()
	}
	return err
}

func (f *fakeTable) Stats(context.Context) (Stats, error) {
	return Stats{Eroutes: uint32(bytes.Count(f.text, []byte("\n"))), Revision: f.revision}, nil
}

// newStore starts a store and returns a function that connects to it.
func newStore(t *testing.T) func() (*store.Store, error) {
	t.Helper()
	url, err := etcd.FreeURL("http")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := etcd.Config(t.TempDir(), url)
	if err != nil {
		t.Fatal(err)
	}
	member, err := etcd.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(member.Close)
	return func() (*store.Store, error) { return store.Open(store.Config{Endpoints: []string{url.String()}}) }
}

// patience is the time for a good health: much longer than needed, also on a busy machine. A tenth of it always passes.
const patience = 10 * time.Second

// Revisions of the tests.
var (
	first  = strings.Repeat("1", 64)
	second = strings.Repeat("2", 64)
)

// newAgent returns an agent that has confirmed the first revision, was assigned the second one and has fetched it.
func newAgent(t *testing.T, open func() (*store.Store, error), table *fakeTable, command ...string) *Agent {
	t.Helper()
	a := New(Config{
		Gateway: fleet.Gateway{ID: "gw", Ring: "ring"}, Dir: t.TempDir(), Open: open, Table: table,
		Health: Health{Within: patience, Command: command}, Log: slog.New(slog.DiscardHandler),
	})
	a.record = record{Ring: "ring", Serial: 2, Revision: second, State: fleet.Applying, Confirmed: first, Table: first}
	if err := errors.Join(os.WriteFile(a.tablePath(first), []byte("first\n"), 0o600), os.WriteFile(a.tablePath(second), []byte("second\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	table.text, table.revision = []byte("first\n"), first
	return a
}

// savePrevious writes the table to go back to.
func savePrevious(t *testing.T, a *Agent) {
	t.Helper()
	err := os.WriteFile(a.path(previousFile), []byte("first\n"), 0o600)
	if err == nil {
		a.record.Previous, err = digestOf(a.path(previousFile))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// obstruct makes it impossible to write the record.
func obstruct(t *testing.T, a *Agent) {
	t.Helper()
	if err := errors.Join(os.RemoveAll(a.path(recordFile)), os.MkdirAll(filepath.Join(a.path(recordFile), "x"), 0o700)); err != nil {
		t.Error(err)
	}
}

// A revision that cannot be recorded as confirmed is not confirmed: the agent goes back, or tries again if the table
// has not changed.
func TestConfirmNotRecorded(t *testing.T) {
	table := &fakeTable{}
	a := newAgent(t, newStore(t), table)
	table.restored = func() { obstruct(t, a) }
	if err := a.apply(t.Context(), &fleet.Revision{Table: second}); err != nil {
		t.Error(err)
	}
	if string(table.text) != "first\n" || a.record.State != fleet.RolledBack || a.record.Confirmed != first ||
		!strings.Contains(a.record.Reason, "cannot record that the revision is confirmed: ") {
		t.Errorf("%q, %+v", table.text, a.record)
	}

	a = newAgent(t, nil, table)
	table.text = []byte("second\n")
	obstruct(t, a)
	err := a.apply(t.Context(), &fleet.Revision{Table: second})
	if err == nil || a.record.State != fleet.Applying || a.record.Confirmed != first || string(table.text) != "second\n" {
		t.Errorf("%v, %+v, %q", err, a.record, table.text)
	}
}

// A revision that is in use, because the agent could not go back from it, is not confirmed without good health when it
// is assigned again.
func TestPendingAssignedAgain(t *testing.T) {
	open := newStore(t)
	for _, c := range []struct {
		command string
		within  time.Duration
		state   fleet.State
		table   string
	}{{"true", patience, fleet.Confirmed, "second\n"}, {"false", time.Second, fleet.RolledBack, "first\n"}} {
		table := &fakeTable{}
		a := newAgent(t, open, table, c.command)
		a.Health.Within = c.within
		a.record.Pending, a.record.Before = true, first+",changed"
		table.text, table.revision = []byte("second\n"), second
		savePrevious(t, a)
		if err := a.apply(t.Context(), &fleet.Revision{Table: second}); err != nil {
			t.Error(err)
		}
		revision := map[fleet.State]string{fleet.Confirmed: second, fleet.RolledBack: first + ",changed"}[c.state]
		if a.record.State != c.state || a.record.Pending || string(table.text) != c.table || table.revision != revision {
			t.Errorf("health command %s: %+v, %q", c.command, a.record, table.text)
		}
	}
}

// If the agent could not go back it tries again, also without the store, and also if the next assignment is refused.
func TestGoesBackAgain(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	refused := fleet.Assignment{Ring: "ring", Serial: 1, Revision: first} // replayed
	value, err := refused.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, now := range map[string]*store.Stored{"no assignment": nil, "refused": {Value: value}} {
		table := &fakeTable{failing: errors.New("busy")}
		a := newAgent(t, nil, table)
		a.Keys = func() ([]ed25519.PublicKey, error) { return []ed25519.PublicKey{public}, nil }
		a.record.Pending, a.record.Before, a.record.State, a.record.Reason = true, first, fleet.Refused, "bad"
		table.text, table.revision = []byte("second\n"), second
		savePrevious(t, a)
		if err := a.turn(t.Context(), now); !errors.Is(err, table.failing) || !a.record.Pending || string(table.text) != "second\n" {
			t.Errorf("%s: %v, %+v, %q", name, err, a.record, table.text)
		}
		table.failing = nil
		if err := a.turn(t.Context(), now); err != nil || a.record.Pending || string(table.text) != "first\n" || table.revision != first {
			t.Errorf("%s: %v, %+v, %q", name, err, a.record, table.text)
		}
		if s, _ := a.Status(); a.record.Reason != "bad; the table before is restored" || !strings.HasSuffix(s.Reason, "the table before is restored") {
			t.Errorf("%s: %+v, %+v", name, a.record, s)
		}
		table.restoring = func() { t.Error("restored again") }
		if err := a.turn(t.Context(), now); err != nil {
			t.Error(err)
		}
	}
}

// run runs an agent, waits until it is ready, and returns a function that ends it.
func run(t *testing.T, a *Agent) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	before := a.Ready
	a.Ready = func() {
		if before != nil {
			before()
		}
		close(ready)
	}
	go func() { ended <- a.Run(ctx) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

// noStore connects to a store that does not answer.
func noStore() (*store.Store, error) {
	return store.Open(store.Config{Endpoints: []string{"http://127.0.0.1:1"}})
}

// An agent is ready when it has restored the confirmed revision, without the store.
func TestReady(t *testing.T) {
	table := &fakeTable{}
	a := newAgent(t, noStore, table)
	confirmed(t, a)
	table.text = nil
	a.Ready = func() {
		if string(table.text) != "first\n" {
			t.Errorf("%q", table.text)
		}
	}
	run(t, a)()
}

// sum returns the SHA-256 of a text.
func sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// confirmed records that the first revision is the assigned one, and is confirmed.
func confirmed(t *testing.T, a *Agent) {
	t.Helper()
	a.record = record{Ring: "ring", Serial: 1, Revision: first, State: fleet.Confirmed, Confirmed: first, Table: sum("first\n")}
	if err := errors.Join(os.Rename(a.tablePath(first), a.tablePath(a.record.Table)), a.keep()); err != nil {
		t.Fatal(err)
	}
}

// Without the store, an agent that starts reports the state that it has recorded, and whether the running table is not
// the confirmed one, which it leaves alone.
func TestStatusAtStart(t *testing.T) {
	const differs = "the running table is not that of the confirmed revision 111111111111: another command has changed it"
	for text, reason := range map[string]string{"first\n": "", "": "", "stale\n": differs} {
		table := &fakeTable{}
		a := newAgent(t, noStore, table)
		confirmed(t, a)
		table.text, table.revision = []byte(text), first+",changed"
		stop := run(t, a)
		status, _ := a.Status()
		stop()
		if is := table.revision == first; is != (reason == "") {
			t.Errorf("%q: the table is of revision %s", text, table.revision)
		}
		if status.State != fleet.Confirmed || status.Confirmed != first || status.Serial != 1 || status.Reason != reason {
			t.Errorf("%q: %+v", text, status)
		}
		if text != "" && string(table.text) != text {
			t.Errorf("%q became %q", text, table.text)
		}
	}

	a := newAgent(t, noStore, &fakeTable{})
	confirmed(t, a)
	a.record.Revision, a.record.State, a.record.Reason = second, fleet.Refused, "bad"
	if err := a.keep(); err != nil {
		t.Fatal(err)
	}
	stop := run(t, a)
	defer stop()
	if status, _ := a.Status(); status.State != fleet.Refused || status.Reason != "bad" || status.Revision != second {
		t.Errorf("%+v", status)
	}
}

// A key that is removed from the pinned ones is revoked from the next assignment on. Keys that cannot be read are no
// reason to refuse.
func TestRevokedKey(t *testing.T) {
	public, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	a := newAgent(t, nil, &fakeTable{})
	confirmed(t, a)
	pinned := []ed25519.PublicKey{public}
	var failed error
	a.Keys = func() ([]ed25519.PublicKey, error) { return pinned, failed }
	assignment := fleet.Assignment{Ring: "ring", Serial: 1, Revision: first}
	value, err := assignment.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	taken := func(want fleet.State) {
		t.Helper()
		if err := a.take(t.Context(), store.Stored{Value: value}); err != nil {
			t.Error(err)
		}
		if s, _ := a.Status(); s.State != want {
			t.Errorf("%+v, want %s", s, want)
		}
	}
	taken(fleet.Confirmed)
	pinned = []ed25519.PublicKey{other}
	taken(fleet.Refused)
	failed = errors.New("no keys")
	if err := a.take(t.Context(), store.Stored{Value: value}); !errors.Is(err, failed) {
		t.Error(err)
	}
}

// A gateway registers again when its lease has ended, as after the store was restored from a backup.
func TestRegisteredAgain(t *testing.T) {
	s, err := newStore(t)()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	g := fleet.Gateway{ID: "gw", Ring: "ring"}
	report := s.NewReport(g, reportTTL)
	for range 2 {
		if err := report.Send(t.Context(), fleet.Status{ID: "gw"}); err != nil {
			t.Fatal(err)
		}
		all, err := s.Gateways(t.Context())
		statuses, err2 := s.Statuses(t.Context())
		if errors.Join(err, err2) != nil || len(all) != 1 || all["gw"] != g || len(statuses) != 1 {
			t.Errorf("%v, %v, %v, %v", all, statuses, err, err2)
		}
		if err := errors.Join(s.Remove(t.Context(), "gw"), report.End(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
}

// An agent that is stopped while it restores a table ends that, and goes back.
func TestStoppedWhileRestoring(t *testing.T) {
	var tables []string
	table := &fakeTable{}
	a := newAgent(t, newStore(t), table)
	ctx, stop := context.WithCancel(t.Context())
	table.restoring = stop
	table.restored = func() { tables = append(tables, string(table.text)) }
	if err := a.apply(ctx, &fleet.Revision{Table: second}); err != nil {
		t.Error(err)
	}
	if want := []string{"second\n", "first\n"}; !slices.Equal(tables, want) || table.revision != first || a.record.State != fleet.RolledBack ||
		a.record.Reason != "the agent was stopped before the revision was confirmed" {
		t.Errorf("%q, %+v", tables, a.record)
	}
}

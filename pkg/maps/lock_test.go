// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"github.com/ipsec-eroute/eroute/internal/testns"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// elsewhere runs f on a thread of its own in the caller's network namespace, as another command would run, and
// sends its error when it is done.
func elsewhere(t *testing.T, f func() error) <-chan error {
	t.Helper()
	ns, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		defer func() { _ = ns.Close() }()
		if err := netns.Set(ns); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return done
}

// waits checks that done does not end while the lock is held, and ends after release.
func waits(t *testing.T, done <-chan error, release func() error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it waits for ever")
	}
}

// write and read are two commands: they open the table, use it and close it.
func write(changes ...eroute.Change) func() error {
	return func() error {
		table, err := OpenWrite()
		if err != nil {
			return err
		}
		defer func() { _ = table.Close() }()
		return table.Apply(context.Background(), changes)
	}
}

func read(s eroute.Selector) func() error {
	return func() error {
		table, err := OpenRead()
		if err != nil {
			return err
		}
		defer func() { _ = table.Close() }()
		for e, err := range table.All() {
			if err != nil || e.Selector == s {
				return err
			}
		}
		return eroute.ErrNotFound
	}
}

// TestLock checks that a writer waits for an earlier writer and for readers, that a reader waits for the writer
// and then sees its changes, and that readers do not wait for each other.
func TestLock(t *testing.T) {
	table := newTable(t)
	done := elsewhere(t, write(add(nth(1), eroute.Drop)))
	waits(t, done, func() error {
		return errors.Join(table.Apply(t.Context(), []eroute.Change{add(nth(0), eroute.Drop)}), table.Close())
	})

	writer, err := OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	done = elsewhere(t, read(nth(2)))
	waits(t, done, func() error {
		return errors.Join(writer.Apply(t.Context(), []eroute.Change{add(nth(2), eroute.Drop)}), writer.Close())
	})

	reader, err := OpenRead()
	if err != nil {
		t.Fatal(err)
	}
	if err := <-elsewhere(t, read(nth(1))); err != nil {
		t.Error(err)
	}
	waits(t, elsewhere(t, write(del(nth(0)), del(nth(1)), del(nth(2)))), reader.Close)

	again, err := OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	*table = *again // for newTable to remove
	compareListings(t, table, &eroute.Linear{})
}

// TestManyWriters checks that concurrent commands all change the table: no change is lost, no command fails.
func TestManyWriters(t *testing.T) {
	const writers, each = 8, 5
	table, reference := newTable(t), &eroute.Linear{}
	var all []<-chan error
	for w := range writers {
		all = append(all, elsewhere(t, func() error {
			for i := range each {
				if err := write(add(nth(w*each+i), eroute.Drop))(); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	for _, done := range all {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	again, err := OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	*table = *again
	for n := range writers * each {
		if err := reference.Add(nth(n), eroute.Drop); err != nil {
			t.Fatal(err)
		}
	}
	compareListings(t, table, reference)
	checkDerived(t, table)
}

// TestCreateRace checks that two commands that create the table concurrently create one.
func TestCreateRace(t *testing.T) {
	testns.Enter(t)
	var all []<-chan error
	for n := range 4 {
		all = append(all, elsewhere(t, write(add(nth(n), eroute.Drop))))
	}
	for _, done := range all {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	table, err := OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(table.Dir().Remove(), table.Close()) }()
	if s, err := table.Stats(); err != nil || s.Eroutes != 4 {
		t.Errorf("%d eroutes, %v, want 4", s.Eroutes, err)
	}
}

// TestNamespaces checks that a namespace to which no eroute was added has no table, even while others have one,
// and that reading does not create one.
func TestNamespaces(t *testing.T) {
	a, reference := newTable(t), &eroute.Linear{}
	mustApply(t, a, reference, add(nth(0), eroute.Drop))
	testns.Enter(t)
	for range 2 {
		if table, err := OpenRead(); !errors.Is(err, loader.ErrNoTable) {
			t.Errorf("table %v, %v, want %v", table, err, loader.ErrNoTable)
		}
	}
	b := newTable(t)
	compareListings(t, b, &eroute.Linear{})
	if err := b.Apply(t.Context(), []eroute.Change{del(nth(0))}); !errors.Is(err, eroute.ErrNotFound) {
		t.Errorf("error %v, want %v", err, eroute.ErrNotFound)
	}
	if err := b.Apply(t.Context(), []eroute.Change{add(nth(0), eroute.Pass), add(nth(1), eroute.Pass), empty}); err != nil {
		t.Error(err)
	}
	compareListings(t, a, reference)
	checkDerived(t, a)
}

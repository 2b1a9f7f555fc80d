// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	table "github.com/ipsec-eroute/eroute/pkg/maps"
)

const (
	groupSize = 8 // eroutes of a writer, all with the same SAID
	firstSPI  = 0x1000
)

// groupEroute is the i-th eroute of a writer; each round has its own SPI.
func groupEroute(writer, i int) eroute.Selector {
	src := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(writer), byte(i), 0}), 24)
	return eroute.Selector{Src: src, Dst: all4}
}

// groupSAID is the SAID of a writer's eroutes after a round.
func groupSAID(round int) eroute.SAID {
	return eroute.SAID{Proto: eroute.ProtoTun, SPI: firstSPI + uint32(round), Dst: netip.MustParseAddr("192.1.2.45")}
}

// contention is writers and readers of one table at the same time.
type contention struct {
	*gateway
	end    context.Context
	rounds []atomic.Int64 // by writer: its last finished change
	writes atomic.Int64
	reads  atomic.Int64
}

// write replaces the writer's eroutes in one change, repeatedly, at least once.
func (a *contention) write(t *testing.T, writer int) {
	for round := 1; round == 1 || a.end.Err() == nil; round++ {
		var changes []eroute.Change
		for _, i := range rand.Perm(groupSize) {
			changes = append(changes, eroute.Change{Op: eroute.OpReplace, Selector: groupEroute(writer, i), SAID: groupSAID(round)})
		}
		if err := a.apply(changes...); err != nil {
			t.Errorf("writer %d, round %d: %v", writer, round, err)
			return
		}
		a.rounds[writer].Store(int64(round))
		a.writes.Add(1)
	}
}

// open opens the table for reading.
func (a *contention) open(f func(*table.Table) error) error {
	return a.East.Do(func() error {
		tab, err := table.OpenRead()
		if err != nil {
			return err
		}
		return errors.Join(f(tab), tab.Close())
	})
}

// readAll lists the table repeatedly, at least once. Every listing is a consistent snapshot: it has all of a
// writer's eroutes or none, all of one round, and none older than the rounds finished before it.
func (a *contention) readAll(t *testing.T) {
	for n := 0; n == 0 || a.end.Err() == nil; n++ {
		var done []int64
		for w := range a.rounds {
			done = append(done, a.rounds[w].Load())
		}
		rounds, count := map[int]map[int64]int{}, 0
		err := a.open(func(tab *table.Table) error {
			stats, err := tab.Stats()
			if err != nil {
				return err
			}
			for e, err := range tab.Written() {
				if err != nil {
					return err
				}
				count++
				if e.SAID.Proto != eroute.ProtoTun {
					continue
				}
				w := int(e.Selector.Src.Addr().As4()[1])
				if rounds[w] == nil {
					rounds[w] = map[int64]int{}
				}
				rounds[w][int64(e.SAID.SPI-firstSPI)]++
			}
			if count != int(stats.Eroutes) {
				t.Errorf("%d eroutes listed, %d counted", count, stats.Eroutes)
			}
			return nil
		})
		if err != nil { // not t.Fatal, which is for the test's own goroutine only
			t.Errorf("read: %v", err)
			return
		}
		for w, byRound := range rounds {
			for round, n := range byRound {
				if n != groupSize || round < done[w] {
					t.Errorf("writer %d: %v listed, after round %d", w, byRound, done[w])
				}
			}
		}
		for w, n := range done {
			if n > 0 && rounds[w] == nil {
				t.Errorf("writer %d: nothing listed after round %d", w, n)
			}
		}
		a.reads.Add(1)
	}
}

// Writers, readers, a relay with trapped traffic and commands that are killed, all concurrent: no change is
// lost, every listing is a consistent snapshot, and nothing blocks for ever. "make test-race" runs this with
// the race detector.
func TestConcurrent(t *testing.T) {
	const writers, readers = 6, 4
	duration := testenv.Duration(t, 4*time.Second)
	path := testenv.Ipsec(t)
	g := newDetached(t)
	g.attach(t, ipsec0, lab.WAN)
	g.route(t)
	g.believeForged(t)
	f := g.families()[0]
	if err := g.apply(from(forged, f.westNet, eroute.Trap)); err != nil {
		t.Fatal(err)
	}
	g.startRelay(t, "--hold-lifetime", "1")
	end, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	a := &contention{gateway: g, end: end, rounds: make([]atomic.Int64, writers)}

	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() { a.write(t, w) })
	}
	for range readers {
		all.Go(func() { a.readAll(t) })
	}
	sender := g.forger(t, f)
	all.Go(func() {
		for i := 0; end.Err() == nil; i++ {
			sender.send(t, forgedAddr(i), 10)
			time.Sleep(2 * time.Millisecond)
		}
	})
	killed, file := 0, batchFile(t, 2000)
	all.Go(func() { killed = a.killCommands(t, path, file) })
	finished := make(chan struct{})
	go func() { all.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-time.After(duration + time.Minute):
		panic("deadlock") // prints the stacks
	}

	left := map[eroute.Selector]eroute.SAID{}
	for _, e := range g.listed(t) {
		left[e.Selector] = e.SAID
	}
	for w := range writers {
		for i := range groupSize {
			if got, want := left[groupEroute(w, i)], groupSAID(int(a.rounds[w].Load())); got != want {
				t.Errorf("writer %d: eroute %d leads to %v, want %v", w, i, got, want)
			}
		}
	}
	t.Logf("%d changes of %d eroutes, %d listings, %d commands killed", a.writes.Load(), groupSize, a.reads.Load(), killed)
}

// killCommands starts commands with many changes and kills each at a random time.
func (a *contention) killCommands(t *testing.T, path, file string) (killed int) {
	for a.end.Err() == nil {
		cmd := a.East.Command(context.Background(), path, "eroute", "--batch", file)
		if err := cmd.Start(); err != nil {
			t.Error(err)
			return killed
		}
		time.Sleep(time.Duration(rand.IntN(150)) * time.Millisecond)
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			killed++
		}
	}
	return killed
}

// batchFile writes a batch of many replacements by %drop.
func batchFile(t *testing.T, lines int) string {
	t.Helper()
	var text strings.Builder
	for n := range lines {
		fmt.Fprintf(&text, "--replace --src 172.16.%d.%d/32 --dst 0/0 --said %%drop\n", n>>8, n&0xff)
	}
	file := filepath.Join(t.TempDir(), "batch")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A command that is killed while it holds the table's lock releases it; until then other commands wait.
func TestLockReleasedOnKill(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newDetached(t)
	var pinned string
	g.read(t, func(tab *table.Table) error {
		pinned = tab.Dir().Path()
		return nil
	})
	file := batchFile(t, 60000)
	cmd := g.East.Command(context.Background(), path, "eroute", "--batch", file)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	for ctx := within(t, 20*time.Second); !locked(t, pinned); time.Sleep(time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("the command does not take the lock")
		}
	}
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	written, read := make(chan error, 1), make(chan error, 1)
	go func() { written <- g.apply(from(all4, all4, eroute.Pass)) }()
	go func() {
		read <- g.East.Do(func() error {
			dir, err := loader.OpenShared()
			if err == nil {
				err = dir.Close()
			}
			return err
		})
	}()
	select {
	case err := <-written:
		t.Fatalf("a writer did not wait: %v", err)
	case err := <-read:
		t.Fatalf("a reader did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if cmd.Wait() == nil {
		t.Error("the command ended before it was killed")
	}
	for _, done := range []chan error{written, read} {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Fatal("the lock of a dead process is still held")
		}
	}
	if got := g.eroute(t, eroute.Selector{Src: all4, Dst: all4}); got.SAID != eroute.Pass {
		t.Errorf("the change that waited: %v", got)
	}
}

// locked reports whether the exclusive lock of a pin directory is held.
func locked(t *testing.T, pinned string) bool {
	t.Helper()
	dir, err := os.Open(pinned)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	err = unix.Flock(int(dir.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	return errors.Is(err, unix.EWOULDBLOCK)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/fleet/publish"
	"github.com/ipsec-eroute/eroute/pkg/fleet/rollout"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// bench is a run.
type bench struct {
	*options
	cluster *cluster
	store   *store.Store // of the operator
	key     ed25519.PrivateKey
	keys    []ed25519.PublicKey
	tables  []*simulated
}

// startInterval is the time between the starts of two agents: each opens two connections.
const startInterval = 10 * time.Millisecond

// patience bounds the waits for all gateways.
const patience = 5 * time.Minute

func measure(ctx context.Context, o *options) (err error) {
	dir, err := os.MkdirTemp("", "bench-fleet-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{options: o}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	b.key, b.keys = private, []ed25519.PublicKey{public}
	if b.cluster, err = startCluster(ctx, dir, o.members); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.cluster.stop()) }()
	if b.store, err = store.Open(store.Config{Endpoints: b.cluster.endpoints, Prefix: "/eroute"}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.store.Close()) }()

	disks, err := os.MkdirTemp("/dev/shm", "bench-fleet-") // each gateway has a disk of its own
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(disks)) }()
	agents, end := context.WithCancel(ctx)
	group, agents := errgroup.WithContext(agents)
	defer func() {
		end()
		err = errors.Join(err, group.Wait())
	}()
	for i := range o.gateways {
		s := &settings{fmt.Sprintf("gw%d", i+1), filepath.Join(disks, fmt.Sprint(i+1)), b.cluster.endpoints, b.keys}
		if err := os.Mkdir(s.Dir, 0o700); err != nil {
			return err
		}
		table := &simulated{}
		b.tables = append(b.tables, table)
		group.Go(func() error { return newAgent(s, table).Run(agents) })
		time.Sleep(startInterval)
	}
	alone, err := b.startAlone(ctx, filepath.Join(disks, "alone"))
	if err != nil {
		return err
	}
	defer func() { _ = alone.Process.Kill(); _ = alone.Wait() }()
	if err := b.awaitAll(ctx); err != nil {
		return err
	}
	return b.run(ctx, alone.Process.Pid)
}

// startAlone starts one more gateway, in a process of its own.
func (b *bench) startAlone(ctx context.Context, dir string) (*exec.Cmd, error) {
	text, err := json.Marshal(settings{"alone", dir, b.cluster.endpoints, b.keys})
	if err != nil {
		return nil, err
	}
	file := dir + ".json"
	self, exeErr := os.Executable()
	if err := errors.Join(exeErr, os.Mkdir(dir, 0o700), os.WriteFile(file, text, 0o600)); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-agent", file)
	cmd.Stderr = os.Stderr
	return cmd, cmd.Start()
}

// awaitAll waits until all gateways report.
func (b *bench) awaitAll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		all, err := b.store.Statuses(ctx) // it can fail while all of them connect
		if len(all) == b.gateways+1 {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d of %d gateways report: %w", len(all), b.gateways+1, ctx.Err()), err)
		case <-time.After(time.Second):
		}
	}
}

// run measures two rollouts and the time between them.
func (b *bench) run(ctx context.Context, alone int) error {
	fmt.Printf("%d simulated gateways, %d members of etcd, a table of %d eroutes, %d CPUs\n\n", b.gateways, b.members, b.eroutes, runtime.NumCPU())
	fmt.Println("| | applied: p50 | p99 | last | confirmed by all | requests a gateway | bytes to it | bytes from it |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	if err := b.rollout(ctx, "first revision", 0, 1); err != nil {
		return err
	}
	before, err := b.cluster.load(ctx)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(b.idle):
	}
	after, err := b.cluster.load(ctx)
	if err != nil {
		return err
	}
	b.row(fmt.Sprintf("%v without a rollout | | | | ", b.idle), after.minus(before))
	if err := b.rollout(ctx, "next revision", 1, 2); err != nil {
		return err
	}
	fmt.Println()
	for _, m := range []struct {
		what string
		pid  int
		n    int
	}{{"store, all members in one process", b.cluster.cmd.Process.Pid, 1}, {"agent, in a process of its own", alone, 1}, {"agent, one of all in one process", os.Getpid(), b.gateways}} {
		kib, err := resident(m.pid)
		if err != nil {
			return err
		}
		fmt.Printf("memory of the %s: %.1f MB\n", m.what, float64(kib)/1024/float64(m.n))
	}
	return nil
}

// rollout publishes the table of a seed and rolls it out. Each table must have been restored before so often, and once
// more afterwards.
func (b *bench) rollout(ctx context.Context, what string, before, seed int) error {
	for _, t := range b.tables {
		if _, restored := t.state(); len(restored) != before {
			return fmt.Errorf("a table was restored %d times before the rollout, not %d", len(restored), before)
		}
	}
	was, err := b.cluster.load(ctx)
	if err != nil {
		return err
	}
	reader := template.Reader{Resolver: net.DefaultResolver, Names: eroute.SystemNames}
	table, err := publish.Read(ctx, reader, strings.NewReader(text(b.eroutes, seed)), "table")
	if err != nil {
		return err
	}
	began := time.Now()
	p := publish.Publisher{Store: b.store, Key: b.key, Keys: b.keys, Author: "bench"}
	id, err := p.Publish(ctx, table, nil)
	if err != nil {
		return err
	}
	r := rollout.Rollout{Store: b.store, Key: b.key, Keys: b.keys, Author: "bench", Wait: patience, Progress: func(string, int, int) {}}
	if err := r.Run(ctx, []rollout.Step{{Ring: ring, Revision: id}}); err != nil {
		return err
	}
	confirmed := time.Since(began)
	var applied []time.Duration
	for _, t := range b.tables {
		text, restored := t.state()
		if len(restored) != before+1 || !bytes.Equal(text, table.Text) {
			return fmt.Errorf("a table was restored %d times, not %d, or is not the published one", len(restored), before+1)
		}
		applied = append(applied, restored[before].Sub(began))
	}
	slices.Sort(applied)
	at := func(p float64) time.Duration {
		return applied[int(p*float64(len(applied)-1))].Round(time.Millisecond)
	}
	now, err := b.cluster.load(ctx)
	if err != nil {
		return err
	}
	b.row(fmt.Sprintf("%s | %v | %v | %v | %v", what, at(.5), at(.99), at(1), confirmed.Round(time.Millisecond)), now.minus(was))
	return nil
}

// row prints a row with the load of one gateway.
func (b *bench) row(start string, l load) {
	n := float64(b.gateways + 1)
	fmt.Printf("| %s | %.1f | %.0f | %.0f |\n", start, l.requests/n, l.sent/n, l.received/n)
}

// text returns a table.
func text(eroutes, seed int) string {
	var all strings.Builder
	for i := range eroutes {
		fmt.Fprintf(&all, "--add --src 10.%d.0.0/16 --dst 172.%d.%d.0/24 --said %%trap\n", seed, 16+i/256, i%256)
	}
	return all.String()
}

// resident returns the resident memory of a process in KiB.
func resident(pid int) (kib int, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(status, []byte("\nVmRSS:"))
	_, err = fmt.Sscanf(string(rest), "%d", &kib)
	return kib, err
}

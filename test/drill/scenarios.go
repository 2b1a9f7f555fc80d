// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// scenarios run one after the other. Each returns its result, and leaves all gateways with the same table and the store in
// order.
var scenarios = []struct {
	name string
	run  func(d *fleetDrill, ctx context.Context) (string, error)
}{
	{"nothing: the first table", (*fleetDrill).firstTable},
	{"the leader of the store is killed during a rollout", (*fleetDrill).leaderKilled},
	{"the leader hangs for 15 s", (*fleetDrill).leaderHangs},
	{"the leader is cut off from the other members", (*fleetDrill).leaderAlone},
	{"all members are killed, and an agent restarts", (*fleetDrill).allKilled},
	{"each fsync of the store takes 0.3 s", (*fleetDrill).slowDisk},
	{"half of the gateways are cut off, and versions compacted", (*fleetDrill).partition},
	{"a gateway misses three revisions", (*fleetDrill).late},
	{"two rollouts at once", (*fleetDrill).twoRollouts},
	{"the store is restored from a backup", (*fleetDrill).backup},
	{"a revision cuts gateways off from the store", (*fleetDrill).cutsOff},
}

func (d *fleetDrill) firstTable(ctx context.Context) (string, error) {
	err := eventually(ctx, "packets arrive from gateways without a table", func() (bool, error) {
		n, err := d.clear.count()
		return n > 0, err
	})
	if err != nil {
		return "", err
	}
	result, err := d.everywhere(ctx)
	if err != nil {
		return "", err
	}
	_, err = d.clear.count() // those sent before
	return result, err
}

// during rolls a revision out to all gateways, and calls f meanwhile. If the rollout stops, because of the failure, it is
// repeated.
func (d *fleetDrill) during(ctx context.Context, f func() error) (string, error) {
	revision, err := d.publish(ctx, "")
	if err != nil {
		return "", err
	}
	type outcome struct {
		took time.Duration
		err  error
	}
	ended := make(chan outcome)
	go func() {
		took, err := d.rollout(ctx, revision, allRings)
		ended <- outcome{took, err}
	}()
	time.Sleep(time.Second)
	failed := f()
	first := <-ended
	if failed != nil {
		return "", failed
	}
	result := fmt.Sprintf("rolled out to all in %.1f s", first.took.Seconds())
	if first.err != nil {
		if err := d.cluster.await(ctx); err != nil {
			return "", err
		}
		took, err := d.rollout(ctx, revision, allRings)
		if err != nil {
			return "", err
		}
		result = fmt.Sprintf("the rollout stops: %q; the next one takes %.1f s", first.err, took.Seconds())
	}
	return result, d.have(ctx, revision, d.gateways...)
}

func (d *fleetDrill) leaderKilled(ctx context.Context) (string, error) {
	leader, err := d.cluster.leader(ctx)
	if err != nil {
		return "", err
	}
	result, err := d.during(ctx, func() error { return d.cluster.kill(leader) })
	if err != nil {
		return "", err
	}
	return result, errors.Join(d.cluster.start(leader), d.cluster.await(ctx))
}

func (d *fleetDrill) leaderHangs(ctx context.Context) (string, error) {
	leader, err := d.cluster.leader(ctx)
	if err != nil {
		return "", err
	}
	return d.during(ctx, func() error {
		err := d.cluster.signal(leader, syscall.SIGSTOP)
		time.Sleep(15 * time.Second)
		return errors.Join(err, d.cluster.signal(leader, syscall.SIGCONT))
	})
}

func (d *fleetDrill) leaderAlone(ctx context.Context) (string, error) {
	leader, err := d.cluster.leader(ctx)
	if err != nil {
		return "", err
	}
	var ports []string
	for i := 1; i <= members; i++ {
		ports = append(ports, fmt.Sprint(peerPort(i)))
	}
	return d.during(ctx, func() error {
		err := nft(fmt.Sprintf(`table ip drill {
	chain out {
		type filter hook output priority 0
		meta skgid %d tcp dport { %s } drop
		meta skgid %[1]d tcp sport %[3]d drop
	}
	chain in {
		type filter hook input priority 0
		tcp dport %[3]d drop
	}
}`, group(leader), strings.Join(ports, ", "), peerPort(leader)))
		time.Sleep(10 * time.Second)
		return errors.Join(err, nft("delete table ip drill"))
	})
}

func nft(rules string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

func (d *fleetDrill) allKilled(ctx context.Context) (string, error) {
	if err := d.cluster.killAll(); err != nil {
		return "", err
	}
	g := d.gateways[len(d.gateways)-1]
	if err := errors.Join(g.stop(syscall.SIGKILL), g.start()); err != nil {
		return "", err
	}
	time.Sleep(10 * time.Second)
	if err := d.invariants(); err != nil {
		return "", err
	}
	began := time.Now()
	if err := d.cluster.startAll(ctx); err != nil {
		return "", err
	}
	up := time.Since(began)
	result, err := d.everywhere(ctx)
	return fmt.Sprintf("no table changes in 10 s; %.1f s after the start the store answers; %s", up.Seconds(), result), err
}

func (d *fleetDrill) slowDisk(ctx context.Context) (string, error) {
	const inject = "inject=fsync,fdatasync:delay_enter=300000"
	if err := d.cluster.killAll(); err != nil {
		return "", err
	}
	if err := d.cluster.startAll(ctx, "strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject); err != nil {
		return "", err
	}
	result, err := d.during(ctx, func() error { return nil })
	if err != nil {
		return "", err
	}
	return result, errors.Join(d.cluster.killAll(), d.cluster.startAll(ctx))
}

func (d *fleetDrill) partition(ctx context.Context) (string, error) {
	revision, err := d.publish(ctx, "")
	if err != nil {
		return "", err
	}
	here, away := d.gateways[:(len(d.gateways)+1)/2], d.gateways[(len(d.gateways)+1)/2:]
	for _, g := range away {
		if err := g.setLink("down"); err != nil {
			return "", err
		}
	}
	_, err = d.fleet(ctx, "rollout", revision, "--rings", allRings, "--wait", fmt.Sprintf("%.0f", 1+d.slowest.Seconds()))
	if err == nil || !strings.Contains(err.Error(), "stopped in ring all") {
		return "", fmt.Errorf("rollout: %v, want that it stops in ring all", err)
	}
	if err := errors.Join(d.have(ctx, revision, here...), d.cluster.compact(ctx), d.invariants()); err != nil {
		return "", err
	}
	for _, g := range away {
		if err := g.setLink("up"); err != nil {
			return "", err
		}
	}
	took, err := d.get(ctx, revision, away...)
	return fmt.Sprintf("the rollout stops, and the others have the revision; %.1f s after the links are back all have it", took.Seconds()), err
}

func (d *fleetDrill) late(ctx context.Context) (string, error) {
	g := d.gateways[1]
	if err := g.stop(syscall.SIGTERM); err != nil {
		return "", err
	}
	revision := ""
	for range 3 {
		var err error
		if revision, err = d.publish(ctx, ""); err != nil {
			return "", err
		}
		if _, err := d.fleet(ctx, "rollout", revision, "--rings", "late", "--wait", "1"); err == nil || !strings.Contains(err.Error(), "offline") {
			return "", fmt.Errorf("rollout to a gateway that is offline: %v", err)
		}
	}
	if err := errors.Join(d.cluster.compact(ctx), d.invariants(), g.start()); err != nil {
		return "", err
	}
	took, err := d.get(ctx, revision, g)
	if err != nil {
		return "", err
	}
	if _, err := d.rollout(ctx, revision, allRings); err != nil {
		return "", err
	}
	return fmt.Sprintf("it has the last one %.1f s after its start", took.Seconds()), d.have(ctx, revision, d.gateways...)
}

func (d *fleetDrill) twoRollouts(ctx context.Context) (string, error) {
	other, err := d.publish(ctx, "")
	if err != nil {
		return "", err
	}
	refused := errors.New("it was not refused")
	result, err := d.during(ctx, func() error {
		_, refused = d.rollout(ctx, other, allRings)
		return nil
	})
	if err != nil {
		return "", err
	}
	if refused == nil || !strings.Contains(refused.Error(), "a rollout of operator runs") {
		return "", fmt.Errorf("the second rollout: %v", refused)
	}
	return fmt.Sprintf("%s; the second one is refused", result), nil
}

func (d *fleetDrill) backup(ctx context.Context) (string, error) {
	saved := d.file("backup")
	if err := errors.Join(d.cluster.killAll(), os.Mkdir(saved, 0o700), copyData(d.dir, saved), d.cluster.startAll(ctx)); err != nil {
		return "", err
	}
	if _, err := d.everywhere(ctx); err != nil {
		return "", err
	}
	if err := errors.Join(d.cluster.killAll(), copyData(saved, d.dir), d.cluster.startAll(ctx)); err != nil {
		return "", err
	}
	time.Sleep(15 * time.Second) // agents report at least each 10 s
	if err := d.invariants(); err != nil {
		return "", err
	}
	err := eventually(ctx, "all gateways are registered", func() (bool, error) {
		out, err := d.fleet(ctx, "gateways")
		return strings.Count(out, " yes ") == len(d.gateways), err
	})
	if err != nil {
		return "", err
	}
	result, err := d.everywhere(ctx)
	return "no gateway goes back to the older table; " + result, err
}

func (d *fleetDrill) cutsOff(ctx context.Context) (string, error) {
	revision, err := d.publish(ctx, "--add --src 10.77.0.0/16 --dst 10.77.0.0/16 --said %drop\n")
	if err != nil {
		return "", err
	}
	before := ""
	for r, text := range d.tables {
		if now, err := d.gateways[0].saved(ctx); err != nil {
			return "", err
		} else if now == text {
			before = r
		}
	}
	took, err := d.rollout(ctx, revision, allRings)
	if err == nil || !strings.Contains(err.Error(), "stopped in ring canary: gateway gw1: rolled back") {
		return "", fmt.Errorf("rollout: %v, want that the canary goes back", err)
	}
	return fmt.Sprintf("the canary has gone back after %.1f s", took.Seconds()), d.have(ctx, before, d.gateways...)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ipsec-eroute/eroute/internal/etcd"
	"github.com/ipsec-eroute/eroute/internal/sandbox"
)

// patience bounds each wait.
const patience = 5 * time.Minute

// fleetDrill is a fleet with three rings: "canary" and "late" have one gateway each, "all" has the others.
type fleetDrill struct {
	*options
	dir      string
	cluster  *cluster
	gateways []*gateway
	clear    *clearText
	tables   map[string]string // by revision
	made     int               // number of tables
	slowest  time.Duration     // rollout that has succeeded
}

func drill(ctx context.Context, o *options) (err error) {
	if err := sandbox.SetUp(); err != nil {
		return err
	}
	d := &fleetDrill{options: o, dir: "/run/drill", tables: map[string]string{}}
	if err := os.Mkdir(d.dir, 0o700); err != nil {
		return err
	}
	if err := d.setUp(ctx); err != nil {
		return err
	}
	fmt.Printf("%d gateways, %d members of etcd, tables of %d eroutes, TLS, %d CPUs\n\n", len(d.gateways), members, o.eroutes, runtime.NumCPU())
	fmt.Println("| what fails | result | time |\n| --- | --- | --- |")
	for _, s := range scenarios {
		began := time.Now()
		result, err := s.run(d, ctx)
		if err == nil {
			err = d.invariants()
		}
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", s.name, err, d.logs())
		}
		fmt.Printf("| %s | %s | %.1f s |\n", s.name, result, time.Since(began).Seconds())
	}
	fmt.Printf("\n%d cases: no packet left in clear, no table changed without a cause.\n", len(scenarios))
	return nil
}

// setUp makes the network, the store, the operator and the gateways.
func (d *fleetDrill) setUp(ctx context.Context) error {
	script := fmt.Sprintf(`ip link set lo up
ip address add %s/32 dev lo
ip address add %s/32 dev lo
openssl genpkey -algorithm ed25519 -out signing.pem
openssl pkey -in signing.pem -pubout -out keys.pem
`, hub, protectedHost)
	cmd := exec.CommandContext(ctx, "sh", "-ec", script)
	cmd.Dir = d.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("set up: %w: %s", err, out)
	}
	certificates, err := etcd.Certify(d.dir, []string{hub}, "server", "root", "operator", "gateway")
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("endpoints = [\"%s\"]\n%skeys = %q\nsigning_key = %q\nauthor = \"operator\"\n",
		strings.Join(endpoints(), `", "`), certificates.Settings("operator"), d.file("keys.pem"), d.file("signing.pem"))
	if err := os.WriteFile(d.file("operator.toml"), []byte(settings), 0o600); err != nil {
		return err
	}
	if d.cluster, err = newCluster(d.dir); err != nil {
		return err
	}
	if err := d.cluster.await(ctx); err != nil {
		return err
	}
	if d.clear, err = newClearText(); err != nil {
		return err
	}
	d.gateways = make([]*gateway, d.options.gateways)
	var group errgroup.Group
	for i := range d.gateways {
		ring := "all"
		switch i {
		case 0:
			ring = "canary"
		case 1:
			ring = "late"
		}
		group.Go(func() (err error) {
			d.gateways[i], err = d.newGateway(i+1, ring)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return eventually(ctx, "all gateways are registered", func() (bool, error) {
		out, err := d.fleet(ctx, "gateways")
		return strings.Count(out, " yes ") == len(d.gateways), err
	})
}

func (d *fleetDrill) file(name string) string { return filepath.Join(d.dir, name) }

// fleet runs ipsec-fleet as the operator.
func (d *fleetDrill) fleet(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, "ipsec-fleet"), append(args, "--config", d.file("operator.toml"))...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), errors.New(strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// publish publishes a table that no other revision has, and returns the revision. All tables protect the same packets,
// those that gateways send among them. more is added.
func (d *fleetDrill) publish(ctx context.Context, more string) (string, error) {
	d.made++
	var text strings.Builder
	for i := range d.options.eroutes - 1 {
		said := "%trap"
		if i < d.made {
			said = "%drop"
		}
		fmt.Fprintf(&text, "--add --src 10.4.0.0/16 --dst 11.%d.%d.%d/32 --said %s\n", i>>16, i>>8&255, i&255, said)
	}
	fmt.Fprintf(&text, "--add --src 10.77.0.0/16 --dst %s --said %%trap\n%s", protectedNet, more)
	if err := os.WriteFile(d.file("table"), []byte(text.String()), 0o600); err != nil {
		return "", err
	}
	out, err := d.fleet(ctx, "publish", d.file("table"))
	revision := strings.TrimSpace(out)
	d.tables[revision] = text.String()
	return revision, err
}

// rollout rolls a revision out to rings, and returns how long it took.
func (d *fleetDrill) rollout(ctx context.Context, revision, rings string) (time.Duration, error) {
	began := time.Now()
	_, err := d.fleet(ctx, "rollout", revision, "--rings", rings, "--wait", fmt.Sprintf("%.0f", patience.Seconds()))
	took := time.Since(began)
	if err == nil {
		d.slowest = max(d.slowest, took)
	}
	return took, err
}

// everywhere publishes a table, rolls it out to all gateways, and checks that they have it.
func (d *fleetDrill) everywhere(ctx context.Context) (string, error) {
	revision, err := d.publish(ctx, "")
	if err != nil {
		return "", err
	}
	took, err := d.rollout(ctx, revision, allRings)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("rolled out to all in %.1f s", took.Seconds()), d.have(ctx, revision, d.gateways...)
}

// allRings are the rings in the order of a rollout.
const allRings = "canary,late,all"

// have checks that gateways have the table of a revision, and that this is a reason for them to have changed.
func (d *fleetDrill) have(ctx context.Context, revision string, gateways ...*gateway) error {
	for _, g := range gateways {
		text, err := g.saved(ctx)
		if err != nil {
			return err
		}
		if text != d.tables[revision] {
			return fmt.Errorf("%s does not have the table of revision %.12s", g.name, revision)
		}
		if g.cause, err = g.version(); err != nil {
			return err
		}
	}
	return nil
}

// get waits until gateways have the table of a revision, and returns how long they took.
func (d *fleetDrill) get(ctx context.Context, revision string, gateways ...*gateway) (time.Duration, error) {
	began := time.Now()
	for _, g := range gateways {
		err := eventually(ctx, g.name+" has the table", func() (bool, error) {
			text, err := g.saved(ctx)
			return text == d.tables[revision], err
		})
		if err != nil {
			return 0, err
		}
	}
	return time.Since(began), d.have(ctx, revision, gateways...)
}

// invariants checks that no packet has left in clear, and that no table has changed but for a reason.
func (d *fleetDrill) invariants() error {
	n, err := d.clear.count()
	if err != nil {
		return err
	}
	if n > 0 {
		return fmt.Errorf("%d packets left in clear", n)
	}
	for _, g := range d.gateways {
		v, err := g.version()
		if err != nil {
			return err
		}
		if v != g.cause {
			return fmt.Errorf("the table of %s has changed without a cause: version %d, not %d", g.name, v, g.cause)
		}
	}
	return nil
}

// logs returns the end of each gateway's log.
func (d *fleetDrill) logs() string {
	var all strings.Builder
	for _, g := range d.gateways {
		text, _ := os.ReadFile(g.log.Name())
		lines := strings.SplitAfter(string(text), "\n")
		fmt.Fprintf(&all, "%s:\n%s", g.name, strings.Join(lines[max(0, len(lines)-10):], ""))
	}
	return all.String()
}

// eventually waits until a condition is true.
func eventually(ctx context.Context, what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		is, err := so()
		if is && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("not true in time: %s", what), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

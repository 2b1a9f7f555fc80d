// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	model "github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// patience is how long a test waits for an expected event: much longer than needed, also on a busy machine.
const patience = 30 * time.Second

func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "fleet-test-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = setUp(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	_ = server.root.Close()
	server.stop()
	if err := nodes.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if err := testenv.RemoveIpsec(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// fleet is the part of the store of one test, and its operator.
type fleet struct {
	t      *testing.T
	dir    string
	prefix string
	config string // of the operator
	keys   string // file of pinned keys
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{t: t, dir: t.TempDir(), prefix: "/" + t.Name()}
	f.config, f.keys = filepath.Join(f.dir, "operator.toml"), filepath.Join(f.dir, "pinned.pem")
	key := filepath.Join(f.dir, "operator.pem")
	f.openssl("genpkey -algorithm ed25519 -out " + key)
	f.openssl("pkey -pubout -in " + key + " -out " + f.keys)
	f.write(f.config, server.settings("alice", server.address(), f.prefix)+fmt.Sprintf("keys = %q\nsigning_key = %q\nauthor = \"alice\"\n", f.keys, key))
	if err := server.permit(f.prefix); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fleet) openssl(args string) {
	f.t.Helper()
	if out, err := exec.Command("openssl", strings.Fields(args)...).CombinedOutput(); err != nil {
		f.t.Fatalf("openssl %s: %v: %s", args, err, out)
	}
}

func (f *fleet) write(name, text string) string {
	f.t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(f.dir, name)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return name
}

// try runs ipsec-fleet as the operator.
func (f *fleet) try(args string) (stdout string, err error) {
	f.t.Helper()
	cmd := exec.Command(testenv.Fleet(f.t), append(strings.Fields(args), "--config", f.config)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if cmd.Run() != nil {
		return out.String(), fmt.Errorf("%s", strings.TrimSuffix(errs.String(), "\n"))
	}
	return out.String(), nil
}

// run is try for a command that must succeed.
func (f *fleet) run(args string) string {
	f.t.Helper()
	out, err := f.try(args)
	if err != nil {
		f.t.Fatalf("ipsec-fleet %s: %v", args, err)
	}
	return out
}

// refused runs a command that must fail with an error that contains a text.
func (f *fleet) refused(args, reason string) {
	f.t.Helper()
	if out, err := f.try(args); err == nil || !strings.Contains(err.Error(), reason) {
		f.t.Errorf("ipsec-fleet %s: %q, %v, want %q", args, out, err, reason)
	}
}

// publish publishes a table and returns its revision.
func (f *fleet) publish(table string) string {
	f.t.Helper()
	return strings.TrimSpace(f.run("publish " + f.write("table", table)))
}

// status returns the status of a gateway, read directly: starting a command for each poll would take longer than the
// rest of a test.
func (f *fleet) status(name string) (s model.Status) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(background, patience)
	defer cancel()
	got, err := server.root.Get(ctx, f.prefix+"/v1/status/"+name)
	if err != nil {
		f.t.Fatal(err)
	}
	if len(got.Kvs) == 1 {
		if s, err = model.Decode[model.Status](got.Kvs[0].Value); err != nil {
			f.t.Fatal(err)
		}
	}
	return s
}

// want waits until a gateway has a state, with a reason that contains a text.
func (f *fleet) want(g *gateway, state, reason string) {
	f.t.Helper()
	var s model.Status
	eventually(f.t, func() bool {
		s = f.status(g.name)
		return string(s.State) == state && strings.Contains(s.Reason, reason)
	}, func() string { return fmt.Sprintf("gateway is %+v, want %s: %s\n%s", s, state, reason, g.log) })
}

// eventually waits until a condition is true, and fails with a message if it is not.
func eventually(t *testing.T, so func() bool, message func() string) {
	t.Helper()
	for deadline := time.Now().Add(patience); !so(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(message())
		}
	}
}

// gateway is an agent in a network namespace.
type gateway struct {
	f      *fleet
	name   string
	node   *lab.Node
	proxy  *proxy
	config string
	log    *output

	settings string    // without confirm
	cmd      *exec.Cmd // nil: stopped
}

// metricsAddress is in each gateway's own namespace.
const metricsAddress = "127.0.0.1:9791"

// gateway makes a gateway whose store is behind address in its namespace or, if through is another node, in that one.
// more is added to its settings.
func (f *fleet) gateway(name, ring string, node, through *lab.Node, address, more string) *gateway {
	f.t.Helper()
	g := &gateway{f: f, name: name, node: node, log: &output{}}
	var err error
	if g.proxy, err = newProxy(through, address, server.address()); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(g.proxy.close)
	g.settings = server.settings("gateway", address, f.prefix) + fmt.Sprintf("keys = %q\n\n[gateway]\nname = %q\nring = %q\nstate = %q\nipsec = %q\nmetrics = %q\n%s\n",
		f.keys, name, ring, filepath.Join(f.dir, name), testenv.Ipsec(f.t), metricsAddress, more)
	g.config = f.write(name+".toml", g.settings+"confirm = 10\n")
	f.t.Cleanup(func() {
		err := node.Do(func() error {
			dir, err := loader.OpenShared()
			if err != nil {
				return err
			}
			defer func() { _ = dir.Close() }()
			return dir.Remove()
		})
		if err != nil {
			f.t.Error(err)
		}
	})
	f.t.Cleanup(func() {
		if g.cmd != nil {
			g.stop(syscall.SIGTERM)
		}
		if f.t.Failed() {
			f.t.Logf("%s:\n%s", name, g.log)
		}
	})
	return g
}

// local makes a gateway whose store is on its loopback.
func (f *fleet) local(name, ring string, node *lab.Node, more string) *gateway {
	f.t.Helper()
	g := f.gateway(name, ring, node, node, "127.0.0.1:2379", more)
	g.start()
	return g
}

// start starts the agent.
func (g *gateway) start() {
	g.f.t.Helper()
	g.cmd = g.node.Command(background, testenv.Fleet(g.f.t), "agent", "--config", g.config)
	g.cmd.Stdout, g.cmd.Stderr = g.log, g.log
	if err := g.cmd.Start(); err != nil {
		g.f.t.Fatal(err)
	}
}

// impatient restarts the agent with so little time for its health that a bad revision is taken back soon, and a good
// one maybe, too.
func (g *gateway) impatient() {
	g.f.t.Helper()
	g.stop(syscall.SIGTERM)
	g.f.write(g.config, g.settings+"confirm = 2\n")
	g.start()
}

// patient restarts the agent with its usual settings.
func (g *gateway) patient() {
	g.f.t.Helper()
	g.stop(syscall.SIGTERM)
	g.f.write(g.config, g.settings+"confirm = 10\n")
	g.start()
}

// stop ends the agent.
func (g *gateway) stop(sig syscall.Signal) {
	g.f.t.Helper()
	_ = g.cmd.Process.Signal(sig)
	if err := g.cmd.Wait(); err != nil && sig == syscall.SIGTERM {
		g.f.t.Errorf("agent of %s: %v\n%s", g.name, err, g.log)
	}
	g.cmd = nil
}

// ipsec runs ipsec on the gateway.
func (g *gateway) ipsec(args string) string {
	g.f.t.Helper()
	out, err := g.node.Command(background, testenv.Ipsec(g.f.t), strings.Fields(args)...).CombinedOutput()
	if err != nil {
		g.f.t.Fatalf("ipsec %s on %s: %v: %s", args, g.name, err, out)
	}
	return string(out)
}

// follow attaches a device that follows the policies of XFRM, of which there is one, until the test ends.
func (g *gateway) follow() {
	g.f.t.Helper()
	policy := func(args string) {
		args = "xfrm policy " + args
		if out, err := g.node.Command(background, "ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			g.f.t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	policy("add src 10.8.0.0/16 dst 10.9.0.0/16 dir out tmpl src 192.1.2.23 dst 192.1.2.45 proto esp mode tunnel")
	g.ipsec("tncfg --attach --virtual ipsec0 --physical " + lab.WAN + " --follow")
	g.f.t.Cleanup(func() {
		g.ipsec("tncfg --detach --virtual ipsec0")
		policy("flush")
	})
}

// has checks that the gateway runs exactly a table.
func (g *gateway) has(table string) {
	g.f.t.Helper()
	if got := g.ipsec("eroute --save -"); got != table {
		g.f.t.Errorf("table of %s is\n%swant\n%s", g.name, got, table)
	}
}

// is checks the revision that the statistics of the gateway's table show.
func (g *gateway) is(revision string) {
	g.f.t.Helper()
	if stats := g.ipsec("eroute --stats"); !strings.Contains(stats, "\nrevision     "+revision+"\n") {
		g.f.t.Errorf("table of %s is not of revision %s:\n%s", g.name, revision, stats)
	}
}

// gets waits until the gateway runs exactly a table.
func (g *gateway) gets(table string) {
	g.f.t.Helper()
	got := ""
	eventually(g.f.t, func() bool {
		got = g.ipsec("eroute --save -")
		return got == table
	}, func() string { return fmt.Sprintf("table of %s is\n%swant\n%s\n%s", g.name, got, table, g.log) })
}

// metric returns the line of the agent's metrics that begins with a text, "" if there is none.
func (g *gateway) metric(start string) string {
	dial := func(context.Context, string, string) (conn net.Conn, err error) {
		err = g.node.Do(func() error {
			conn, err = net.Dial("tcp", metricsAddress)
			return err
		})
		return conn, err
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: patience}
	answer, err := client.Get("http://" + metricsAddress + "/metrics")
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	out, err := io.ReadAll(answer.Body)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, start) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

// output is what agents print. Several write to it, one after the other, while the test reads it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// SPDX-License-Identifier: Apache-2.0

package fleet_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// demo returns the demo as a command, which finds ipsec in its own directory, and a function that waits until no
// process of it runs. Its namespaces, and all they contain, end with its processes.
func demo(t *testing.T) (cmd *exec.Cmd, ended func()) {
	t.Helper()
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "ipsec-fleet") // of no other demo
	if err := errors.Join(os.Link(testenv.Fleet(t), path), os.Symlink(testenv.Ipsec(t), filepath.Join(dir, "ipsec"))); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(path, "demo")
	return cmd, func() {
		t.Helper()
		var left []string
		eventually(t, func() bool {
			left = nil
			all, _ := filepath.Glob("/proc/[0-9]*/exe")
			for _, exe := range all {
				if of, err := os.Readlink(exe); err == nil && of == path {
					left = append(left, exe)
				}
			}
			return len(left) == 0
		}, func() string { return "still running: " + strings.Join(left, " ") })
		for _, dir := range []string{"/run/ipsec-fleet-demo", "/run/netns/gw1"} {
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s remains", dir)
			}
		}
	}
}

// The demo, from nothing to a rollout over three gateways, succeeds in less than two minutes and leaves nothing.
func TestDemo(t *testing.T) {
	cmd, ended := demo(t)
	stop := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\nEverything was as expected, and ends with this command.\n") {
		t.Errorf("%v:\n%s", err, out)
	}
	ended()
}

// A demo that is killed leaves nothing either.
func TestDemoKilled(t *testing.T) {
	cmd, ended := demo(t)
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return strings.Contains(out.String(), "A table is published") }, out.String)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	ended()
}

// A fleet of three gateways, whose store, links and disks fail one after the other, does what the drill expects, see
// test/drill.
func TestDrill(t *testing.T) {
	t.Parallel()
	bin := filepath.Dir(testenv.Fleet(t))
	_ = testenv.Ipsec(t) // into the same directory
	program := filepath.Join(t.TempDir(), "drill")
	if out, err := exec.Command("go", "build", "-o", program, "../drill").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	out, err := exec.Command(program, "-gateways=3", "-eroutes=100", "-bin="+bin).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\n11 cases: no packet left in clear, no table changed without a cause.\n") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var question1 = xfrm.Acquire{
	Flow: eroute.Selector{
		Src: netip.MustParsePrefix("192.0.2.1/32"), Dst: netip.MustParsePrefix("192.0.1.1/32"), Proto: 6, DstPort: 80,
	},
	Policy: eroute.Selector{Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix("192.0.1.0/24")},
	Params: eroute.AcquireParams{Mode: eroute.ModeTunnel, Proto: eroute.ProtoESP, Peer: netip.MustParseAddr("192.1.2.45"), ReqID: 7},
}

func waitForFile(t *testing.T, path string, done func(string) bool) string {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(path); err == nil && done(string(b)) {
			return string(b)
		}
	}
	t.Fatalf("nothing in %s after 10 s", path)
	return ""
}

// TestRunnerEnvironment checks the command's environment variables.
func TestRunnerEnvironment(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	path := filepath.Join(t.TempDir(), "out")
	r := newRunner(ctx, fmt.Sprintf("env | grep ^EROUTE_ | sort > %s.new; mv %s.new %s", path, path, path), slog.Default(), time.Minute)
	if !r.start(question1, "ipsec0") {
		t.Fatal("not started")
	}
	got := waitForFile(t, path, func(s string) bool { return s != "" })
	cancel()
	r.wait()
	const want = `EROUTE_CPU=
EROUTE_DEVICE=ipsec0
EROUTE_DST=192.0.1.1/32
EROUTE_DST_PORT=80
EROUTE_FAMILY=inet
EROUTE_PEER=192.1.2.45
EROUTE_PROTO=6
EROUTE_REQID=7
EROUTE_SRC=192.0.2.1/32
EROUTE_SRC_PORT=0
EROUTE_TRAP_DST=192.0.1.0/24
EROUTE_TRAP_SRC=192.0.2.0/24
`
	if got != want {
		t.Errorf("environment:\n%s\nwant:\n%s", got, want)
	}
}

// TestRunnerTimeout checks that a command that runs too long is killed with its child processes, and that the
// beginning of its output is logged.
func TestRunnerTimeout(t *testing.T) {
	for _, command := range []string{"echo working; sleep 60 & echo $! > %s; sleep 60", "sleep 60 & echo $! > %s; yes working | head -c 10000000; exit 3"} {
		ctx, cancel := context.WithCancel(t.Context())
		path := filepath.Join(t.TempDir(), "pid")
		var log bytes.Buffer
		r := newRunner(ctx, fmt.Sprintf(command, path), slog.New(slog.NewTextHandler(&log, nil)), 2*time.Second)
		r.start(question1, "ipsec0")
		var pid int
		if _, err := fmt.Sscan(waitForFile(t, path, func(s string) bool { return strings.HasSuffix(s, "\n") }), &pid); err != nil {
			t.Fatal(err)
		}
		gone := false
		for deadline := time.Now().Add(10 * time.Second); !gone && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			gone = err != nil || strings.Contains(string(state), ") Z ") || syscall.Kill(pid, 0) != nil
		}
		if !gone {
			t.Errorf("%q: process %d is alive", command, pid)
		}
		cancel()
		r.wait()
		if !strings.Contains(log.String(), "working") || log.Len() > 4*execOutput {
			t.Errorf("%q: %d bytes logged", command, log.Len())
		}
	}
}

// TestRunnerIsBounded checks that commands over the limit are refused.
func TestRunnerIsBounded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRunner(ctx, "sleep 60", slog.New(slog.DiscardHandler), time.Minute)
	started := 0
	for started <= execAtOnce+execWaiting && r.start(question1, "ipsec0") {
		started++
	}
	if started < execWaiting || started > execAtOnce+execWaiting {
		t.Errorf("%d commands taken, want up to %d", started, execAtOnce+execWaiting)
	}
	cancel()
	r.wait()
}

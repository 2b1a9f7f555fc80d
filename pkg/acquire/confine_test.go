// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/landlock-lsm/go-landlock/landlock/syscall"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// inConfined is an environment variable that makes a child process of the test confine itself: "yes", or
// "commands" if it runs commands.
const inConfined = "EROUTE_TEST_CONFINED"

// capEff is the mask of requiredCapabilities: NET_ADMIN, NET_RAW, BPF.
const capEff = "0000008000003000"

func TestMain(m *testing.M) {
	if how := os.Getenv(inConfined); how != "" {
		if err := tryForbidden(how == "commands"); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// TestConfine checks that a confined process, in all its threads, can do its work but not what an intruder
// would try first. It needs root.
func TestConfine(t *testing.T) {
	for _, how := range []string{"yes", "commands"} {
		t.Run(how, func(t *testing.T) {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), inConfined+"="+how)
			cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v:\n%s", err, out)
			}
		})
	}
}

func tryForbidden(runsCommands bool) error {
	table, err := maps.OpenWrite()
	if err != nil {
		return err
	}
	dir := table.Dir().Path()
	if err := table.Close(); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := confine(runsCommands); err != nil {
		return err
	}
	errs := []error{checkStatus(runsCommands)}
	// Permitted.
	table, err = maps.OpenWrite()
	if err != nil {
		return fmt.Errorf("open table: %w", err)
	}
	errs = append(errs, os.RemoveAll(table.Dir().Path()), table.Close())
	// Refused.
	refused := func(what string, err error) {
		if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			errs = append(errs, fmt.Errorf("%s: %w, want it refused", what, err))
		}
	}
	refused("mount", unix.Mount("none", "/mnt", "tmpfs", 0, ""))
	refused("new network namespace", unix.Unshare(unix.CLONE_NEWNET))
	refused("chown", os.Chown(os.Args[0], 1, 1))
	refused("kill process 1", unix.Setpriority(unix.PRIO_PROCESS, 1, -5))
	if runsCommands {
		return errors.Join(append(errs, exec.Command("true").Run())...)
	}
	refused("run a command", exec.Command("/bin/true").Run())
	refused("become another user", unix.Setuid(1))
	refused("trace", unix.PtraceAttach(os.Getppid()))
	_, err = net.Listen("tcp", "127.0.0.1:0")
	refused("listen", err)
	_, err = net.Dial("tcp", "[::1]:9")
	refused("connect", err)
	if abi, err := syscall.LandlockGetABIVersion(); err != nil || abi < 1 {
		return errors.Join(errs...) // without Landlock files are not restricted
	}
	_, err = os.ReadFile("/etc/passwd")
	refused("read a file", err)
	refused("write a file", os.WriteFile(filepath.Join(os.TempDir(), "confined"), nil, 0o600))
	return errors.Join(errs...)
}

// checkStatus checks every thread (proc(5), /proc/PID/status).
func checkStatus(runsCommands bool) (err error) {
	files, globErr := filepath.Glob("/proc/self/task/*/status")
	if len(files) < 2 || globErr != nil {
		return fmt.Errorf("%d threads, %w", len(files), globErr)
	}
	seccomp := "2"
	if runsCommands {
		seccomp = "0"
	}
	for _, file := range files {
		status, readErr := os.ReadFile(file)
		if readErr != nil {
			return readErr
		}
		for name, want := range map[string]string{
			"CapEff": capEff, "CapPrm": capEff, "CapBnd": capEff, "CapInh": "0000000000000000", "CapAmb": "0000000000000000",
			"NoNewPrivs": "1", "Seccomp": seccomp,
		} {
			got := regexp.MustCompile(`(?m)^` + name + `:\s*(\S+)$`).FindSubmatch(status)
			if got == nil || !bytes.Equal(got[1], []byte(want)) {
				err = errors.Join(err, fmt.Errorf("%s: %s is %q, want %s", file, name, got, want))
			}
		}
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testroot"
)

// commands is the folder of the packages of the commands.
const commands = "github.com/ipsec-eroute/eroute/cmd/"

// Build builds the ipsec command into a temporary directory of the test, with additional flags of go build, and
// returns its path. Under the race detector the command has it, too.
func Build(t testing.TB, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ipsec")
	if err := build("ipsec", path, flags...); err != nil {
		t.Fatal(err)
	}
	return path
}

// Ipsec returns the path of the ipsec command, which every user may execute. It is built once in a test process;
// TestMain calls RemoveIpsec.
func Ipsec(t testing.TB) string {
	t.Helper()
	path, err := ipsec()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Fleet is [Ipsec] for the ipsec-fleet command.
func Fleet(t testing.TB) string {
	t.Helper()
	path, err := fleet()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// dir contains the commands of Ipsec and Fleet, once one is built.
var dir string

var (
	makeDir = sync.OnceValue(func() (err error) {
		if dir, err = os.MkdirTemp("", "ipsec-test-"); err != nil {
			return err
		}
		return os.Chmod(dir, 0o755)
	})
	ipsec = once("ipsec")
	fleet = once("ipsec-fleet")
)

func once(name string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		if err := makeDir(); err != nil {
			return "", err
		}
		path := filepath.Join(dir, name)
		return path, build(name, path)
	})
}

// RemoveIpsec removes what Ipsec and Fleet built.
func RemoveIpsec() error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// Prebuilt returns the path of bin/ipsec, which "make build" writes: a VM has no Go toolchain.
func Prebuilt(t testing.TB) string {
	t.Helper()
	path, err := testroot.Path("bin", "ipsec")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func build(name, path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	if race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, commands+name)...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the %s command: %w: %s", name, err, out)
	}
	return nil
}

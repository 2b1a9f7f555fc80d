// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// command is the package of the ipsec command.
const command = "github.com/ipsec-eroute/eroute/cmd/ipsec"

// Build builds the ipsec command into a temporary directory of the test, with additional flags of go build, and
// returns its path. Under the race detector the command has it, too.
func Build(t testing.TB, flags ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ipsec")
	if err := build(path, flags...); err != nil {
		t.Fatal(err)
	}
	return path
}

// Ipsec returns the path of the ipsec command, which every user may execute. It is built once in a test process;
// TestMain calls RemoveIpsec.
func Ipsec(t testing.TB) string {
	t.Helper()
	path, err := once()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// dir contains the command of Ipsec, once it is built.
var dir string

var once = sync.OnceValues(func() (string, error) {
	var err error
	if dir, err = os.MkdirTemp("", "ipsec-test-"); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, "ipsec")
	return path, build(path)
})

// RemoveIpsec removes what Ipsec built.
func RemoveIpsec() error {
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// Prebuilt returns the path of bin/ipsec, which "make build" writes: a VM has no Go toolchain.
func Prebuilt(t testing.TB) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(file), "..", "..", "bin", "ipsec")
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return path
}

func build(path string, flags ...string) error {
	args := append([]string{"build", "-o", path}, flags...)
	if race {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, command)...).CombinedOutput(); err != nil {
		return fmt.Errorf("build the ipsec command: %w: %s", err, out)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// made is the directory of the packages that TestMain builds.
var made string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if made, err = os.MkdirTemp("", "packages"); err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(made) }()
		make := exec.Command("../../scripts/packages.sh", made)
		if out, err := make.CombinedOutput(); err != nil {
			_, _ = os.Stderr.Write(out)
			return 1
		}
		return m.Run()
	}())
}

// inRoot runs a script of testdata in a temporary root (root.sh). It contains the packages in /srv, those of
// key managers in /srv/debs; files that the script writes to /srv/log are printed if it fails.
func inRoot(t *testing.T, script string) {
	t.Helper()
	shared := t.TempDir()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	for dir, from := range map[string]string{".": made, "test": "testdata", "debs": filepath.Join(cache, "ipsec-eroute/debs")} {
		if err := os.MkdirAll(filepath.Join(shared, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(shared, dir), os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
	}
	log, err := os.Create(filepath.Join(shared, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "root.sh", shared, "bash", "-euo", "pipefail", "-x", "/srv/test/"+script)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWCGROUP,
	}
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		t.Errorf("%s: %v\n%s", script, err, text)
	}
}

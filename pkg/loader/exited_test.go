// SPDX-License-Identifier: Apache-2.0

package loader_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// orphanEnv makes the test binary run as the command of TestParentExits.
const orphanEnv = "EROUTE_LOADER_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphanEnv) != "" {
		if err := orphan(); err != nil {
			fmt.Println(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// orphan finds the BPF file system, waits until its parent has exited, and checks that the path is still valid.
func orphan() error {
	path, err := loader.BPFFS(true)
	if err != nil {
		return err
	}
	fmt.Println("found")
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return err
	}
	fmt.Println("still there")
	return nil
}

// TestParentExits checks that the path of the BPF file system stays valid when the parent exits, also for a
// command that may access its parent but not process 1. Needs root.
func TestParentExits(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command("setpriv", "--bounding-set=-sys_ptrace", "sh", "-c", `exec 3<&0; "$0" <&3 & wait`, self)
	parent.Env = append(os.Environ(), orphanEnv+"=1")
	stdin, err := parent.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, output, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	parent.Stdout = output
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	_ = output.Close()
	lines := bufio.NewScanner(stdout)
	if !lines.Scan() || lines.Text() != "found" {
		t.Fatalf("%q, want \"found\"", lines.Text())
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = parent.Process.Wait() // it was killed
	if _, err := io.WriteString(stdin, "\n"); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "still there" {
		t.Errorf("after the parent has exited: %q", lines.Text())
	}
	_ = stdout.Close()
}

// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os/exec"
	"path/filepath"
	"testing"
)

func TestGuestScriptHandsTheCommandOnUnchanged(t *testing.T) {
	for _, test := range []struct {
		command []string
		want    string
	}{
		{[]string{"printf", `%s\n`, "a b", "it's", `$HOME "x" \`, ""}, "a b\nit's\n$HOME \"x\" \\\n\n"},
		{[]string{"sh", "-c", `echo "$NAME $VM_SCRATCH $PWD"`}, "a 'b' c /scratch dir /usr\n"},
	} {
		dir := t.TempDir()
		g := Guest{Command: test.command, Dir: "/usr", Env: []string{"NAME=a 'b' c"}}
		if err := g.writeScripts(dir, "/scratch dir"); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("sh", filepath.Join(dir, "command.sh")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if string(out) != test.want {
			t.Errorf("got %q, want %q", out, test.want)
		}
	}
}

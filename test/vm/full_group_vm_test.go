// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A table can be made smaller by --del, --batch, --restore and --clear after the memory of the
// control group that made it is used up. An error shows a few causes, not one for each eroute.
func TestFullMemoryGroup(t *testing.T) {
	l := newLab(t)
	h := &hunt{bench: l, ipsec: copyCommand(t), group: newGroup(t)}
	line := func(i int, said string) string {
		// Two eroutes for each source prefix: every prefix that is written takes memory.
		return fmt.Sprintf("--add --src 10.%d.%d.0/24 --dst 172.16.%d.%d/32 --said %s\n", i>>9, i>>1&0xff, i>>8, i&0xff, said)
	}
	const eroutes = 4000
	var batch, smaller, deleted strings.Builder
	for i := range eroutes {
		said := fmt.Sprintf("tun0x%x@192.0.2.2", 0x1000+i%16)
		switch {
		case i >= eroutes-4: // the last eroute of its SA
			said = fmt.Sprintf("tun0x%x@192.0.2.2", 0x2000+i)
		case i%100 == 0, i%100 == 5:
			said = "%trap --acquire-reqid 7"
		}
		text := line(i, said)
		batch.WriteString(text)
		if i%2 == 0 {
			smaller.WriteString(text)
		} else if i%5 == 0 || i >= eroutes-4 {
			del, _, _ := strings.Cut(text, " --said")
			deleted.WriteString(strings.Replace(del, "--add", "--del", 1) + "\n")
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	all, half, some := write("all", batch.String()), write("half", smaller.String()), write("some", deleted.String())
	count := func() int {
		var out bytes.Buffer
		cmd := h.East.Command(t.Context(), h.ipsec, "eroute")
		cmd.Stdout = &out
		if err := cmd.Run(); err != nil {
			t.Fatal(err)
		}
		return bytes.Count(out.Bytes(), []byte("\n"))
	}
	must := func(args string, g *group) {
		t.Helper()
		if err := h.commandIn(args, g); err != nil {
			t.Errorf("%d bytes of errors: %.1000s", len(err.Error()), err)
		}
	}
	// What is freed stays with the group, as a stock for each CPU, until the limit is set again.
	limit := func() {
		t.Helper()
		if err := h.group.limit(); err != nil {
			t.Fatal(err)
		}
	}
	must("eroute --batch "+all, h.group)
	limit()
	defer func() { _ = h.group.unlimit() }()
	// A change that needs memory fails, with a short message.
	err := h.commandIn("eroute --batch "+write("more", strings.ReplaceAll(batch.String(), "--dst 172.16.", "--dst 172.17.")), nil)
	if err == nil || !strings.Contains(err.Error(), "cannot allocate memory") || len(err.Error()) > 2000 {
		t.Errorf("batch without memory: %.2000v", err)
	}
	if n := count(); n < eroutes {
		t.Errorf("%d eroutes after a batch that failed, want %d at least", n, eroutes)
	}
	before := count()
	limit()
	must("eroute --del --src 10.0.0.0/24 --dst 172.16.0.1/32", nil)
	limit()
	must("eroute --del --src 10.0.4.0/24 --dst 172.16.0.9/32", nil)
	if n := count(); n != before-2 {
		t.Errorf("%d eroutes after two were deleted, want %d", n, before-2)
	}
	before = count()
	limit()
	must("eroute --batch "+some, nil)
	if n, want := count(), before-strings.Count(deleted.String(), "\n"); n != want {
		t.Errorf("%d eroutes after a batch of --del, want %d", n, want)
	}
	limit()
	must("eroute --restore "+half, nil)
	if n := count(); n != eroutes/2 {
		t.Errorf("%d eroutes after a restore, want %d", n, eroutes/2)
	}
	limit()
	must("eroute --clear", nil)
	if n := count(); n != 0 {
		t.Errorf("%d eroutes after a clear", n)
	}
	// With memory available again, all commands work and the numbers of eroutes are correct.
	if err := h.group.unlimit(); err != nil {
		t.Fatal(err)
	}
	must("eroute --batch "+all, nil)
	must("eroute --del --src 10.0.0.0/24 --dst 172.16.0.1/32", nil)
	if n := count(); n != eroutes-1 {
		t.Errorf("%d eroutes, want %d", n, eroutes-1)
	}
}

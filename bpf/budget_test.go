// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

package bpf_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "write what the running kernel's verifier goes through into the budget")

const (
	budgetFile = "verifier.txt"

	budgetHead = "# Instructions that the verifier goes through, by kernel and program: make budget\n"

	// budgetSlack is how many per cent more than recorded a kernel's next patch release,
	// or a small change of the compiler, may take.
	budgetSlack = 5
)

// budget is what a committed file says of every kernel that was tried: kernel series and
// program -> instructions.
type budget struct {
	kernel string // the running one's series, such as 6.12
	lines  map[string]uint32
}

func newBudget(t *testing.T) *budget {
	t.Helper()
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(unix.ByteSliceToString(u.Release[:]), ".", 3)
	b := &budget{kernel: strings.Join(parts[:min(2, len(parts))], "."), lines: map[string]uint32{}}
	text, err := os.ReadFile(budgetFile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kernel, program string
		var n uint32
		if strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := fmt.Sscanf(line, "%s %s %d", &kernel, &program, &n); err != nil {
			t.Fatalf("%s: %q: %v", budgetFile, line, err)
		}
		b.lines[kernel+" "+program] = n
	}
	return b
}

// check compares a program with what is recorded for this kernel. Kernels that were never
// tried have only the limit.
func (b *budget) check(t *testing.T, program string, verified uint32) {
	t.Helper()
	key := b.kernel + " " + program
	t.Logf("budget: %s %d", key, verified)
	if *update {
		b.lines[key] = verified
		return
	}
	recorded, known := b.lines[key]
	tried := slices.ContainsFunc(slices.Collect(maps.Keys(b.lines)), func(k string) bool { return strings.HasPrefix(k, b.kernel+" ") })
	if tried && !known || known && verified > recorded+recorded*budgetSlack/100 {
		t.Errorf("Linux %s went through %d instructions, %s says %d: make it less, or run make budget", b.kernel, verified, budgetFile, recorded)
	}
}

// save writes the file, if it is to be updated.
func (b *budget) save(t *testing.T) {
	t.Helper()
	if !*update {
		return
	}
	text := budgetHead
	for _, key := range slices.Sorted(maps.Keys(b.lines)) {
		text += fmt.Sprintf("%s %d\n", key, b.lines[key])
	}
	if err := os.WriteFile(budgetFile, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

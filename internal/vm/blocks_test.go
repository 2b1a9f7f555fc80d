// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"strings"
	"testing"
)

// The tests of two VMs that run at the same time do not mix, nor do subtests and messages leave their test.
func TestBlocksKeepTestsWhole(t *testing.T) {
	const first = "=== RUN   TestA\n=== RUN   TestA/sub\n    a_test.go:1: text\n--- PASS: TestA (0.83s)\n    --- PASS: TestA/sub (0.43s)\n"
	const second = "=== RUN   TestB\nno newline"
	var out bytes.Buffer
	b := blocks{out: &out}
	for _, c := range []byte(first + second) {
		out.WriteString("|")
		if _, err := b.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Trim(out.String(), "|"); got != first {
		t.Errorf("passed on %q, want %q", got, first)
	}
	b.flush()
	if got := strings.ReplaceAll(out.String(), "|", ""); got != first+second {
		t.Errorf("passed on %q in all, want %q", got, first+second)
	}
}

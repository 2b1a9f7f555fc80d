// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"testing"
)

// The outputs of two VMs change only between tests, wherever the writes end.
func TestBlockWriter(t *testing.T) {
	text := func(vm string) string {
		return "boot " + vm + "\n=== RUN   TestOne" + vm + "\n=== RUN   TestOne" + vm + "/sub\nlog\n--- PASS: TestOne" + vm +
			"\n=== RUN   TestTwo" + vm + "\n--- FAIL: TestTwo" + vm + "\nFAIL"
	}
	a, b := text("A"), text("B")
	for size := 1; size < 20; size++ {
		var out bytes.Buffer
		var mu sync.Mutex
		one, two := &blockWriter{out: &out, mu: &mu}, &blockWriter{out: &out, mu: &mu}
		for i := 0; i < len(a); i += size {
			for w, text := range map[io.Writer]string{one: a, two: b} {
				if n, err := fmt.Fprint(w, text[i:min(i+size, len(text))]); err != nil || n == 0 {
					t.Fatal(n, err)
				}
			}
		}
		for _, w := range []*blockWriter{one, two} {
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
		}
		got := out.String()
		for _, block := range []string{"boot A\n", "=== RUN   TestOneA\n=== RUN   TestOneA/sub\nlog\n--- PASS: TestOneA\n", "=== RUN   TestTwoB\n--- FAIL: TestTwoB\nFAIL"} {
			if !bytes.Contains(out.Bytes(), []byte(block)) {
				t.Fatalf("writes of %d bytes: no block %q in %q", size, block, got)
			}
		}
		if len(got) != len(a)+len(b) {
			t.Errorf("writes of %d bytes: %d bytes, want %d", size, len(got), len(a)+len(b))
		}
	}
}

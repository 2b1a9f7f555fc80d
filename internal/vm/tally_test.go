// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"slices"
	"testing"
)

func TestTallyCountsTestsNotSubtests(t *testing.T) {
	const text = "=== RUN   TestA\n    a_test.go:3: passes\n" +
		"--- PASS: TestA (0.83s)\n    --- PASS: TestA/sub (0.43s)\n    --- SKIP: TestA/other (0.00s)\n" +
		"=== RUN   TestB\n    b_test.go:7: wrong\n--- FAIL: TestB (1.78s)\n    --- FAIL: TestB/sub (0.43s)\n" +
		"--- PASS: TestC (0.01s)\n--- SKIP: TestD (0.00s)\nFAIL\n"
	var out bytes.Buffer
	count := tally{out: &out}
	for _, b := range []byte(text) {
		if _, err := count.Write([]byte{b}); err != nil {
			t.Fatal(err)
		}
	}
	if count.passed != 2 || count.failed != 1 || count.skipped != 2 {
		t.Errorf("%d passed, %d failed, %d skipped", count.passed, count.failed, count.skipped)
	}
	if want := []string{"--- FAIL: TestB (1.78s)", "    b_test.go:7: wrong"}; !slices.Equal(count.failures, want) {
		t.Errorf("failures %q", count.failures)
	}
	if out.String() != text {
		t.Errorf("output changed: %q", &out)
	}
}

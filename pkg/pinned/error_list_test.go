// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorList(t *testing.T) {
	var l ErrorList
	l.Add(nil)
	if err := l.Err(); err != nil {
		t.Errorf("no errors: %v", err)
	}
	for i := range 100_000 {
		l.Add(fmt.Errorf("write %d: %w", i, unix.ENOMEM))
	}
	l.Add(nil)
	err := l.Err()
	const want = "write 0: cannot allocate memory\nwrite 1: cannot allocate memory\nwrite 2: cannot allocate memory\n" +
		"write 3: cannot allocate memory\nwrite 4: cannot allocate memory\nand 99995 more errors"
	if err == nil || err.Error() != want || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("100,000 errors: %v\nwant: %s", err, want)
	}
}

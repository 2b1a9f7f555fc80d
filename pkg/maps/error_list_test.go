// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

func TestErrorList(t *testing.T) {
	var l errorList
	l.add(nil)
	if err := l.err(); err != nil {
		t.Errorf("no errors: %v", err)
	}
	for i := range 100_000 {
		l.add(fmt.Errorf("write %d: %w", i, unix.ENOMEM))
	}
	l.add(nil)
	err := l.err()
	const want = "write 0: cannot allocate memory\nwrite 1: cannot allocate memory\nwrite 2: cannot allocate memory\n" +
		"write 3: cannot allocate memory\nwrite 4: cannot allocate memory\nand 99995 more errors"
	if err == nil || err.Error() != want || !errors.Is(err, unix.ENOMEM) {
		t.Errorf("100,000 errors: %v\nwant: %s", err, want)
	}
}

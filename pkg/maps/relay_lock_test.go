// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"os"
	"testing"
)

// There is one relay at a time, and nobody but root can take its place: a lock on what others
// cannot open.
func TestRelayLock(t *testing.T) {
	table := newTable(t)
	st, err := os.Stat(table.dir.Path(relayDir))
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	first, err := lockRelay(table.dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lockRelay(table.dir); !errors.Is(err, ErrRelayRuns) {
		t.Errorf("the second relay: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := lockRelay(table.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

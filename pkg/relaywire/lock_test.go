// SPDX-License-Identifier: Apache-2.0

package relaywire_test

import (
	"errors"
	"os"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testtable"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
)

// A network namespace has one relay at a time: a lock on a directory that only root can open.
func TestRelayLock(t *testing.T) {
	table := testtable.New(t)
	st, err := os.Stat(table.Dir().Path(relaywire.LockDir))
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	first, err := relaywire.Lock(table.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := relaywire.Lock(table.Dir()); !errors.Is(err, relaywire.ErrRunning) {
		t.Errorf("the second relay: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := relaywire.Lock(table.Dir())
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}

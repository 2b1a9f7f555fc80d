// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"testing"
)

// A second agent with the same directory is refused while the first one runs.
func TestSecondAgent(t *testing.T) {
	table := &fakeTable{}
	a := newAgent(t, nil, table)
	lock, err := a.lock()
	if err != nil {
		t.Fatal(err)
	}
	want := "state " + a.Dir + ": another agent uses it"
	if err := New(a.Config).Run(t.Context()); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	a.Open = newStore(t)
	if err := New(a.Config).Run(ended); err != nil {
		t.Error(err)
	}
}

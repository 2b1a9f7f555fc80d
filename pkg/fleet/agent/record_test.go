// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"context"
	"os"
	"slices"
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

// Of the tables only the confirmed one remains, and nothing of one that was being written.
func TestForget(t *testing.T) {
	a := newAgent(t, nil, &fakeTable{})
	confirmed(t, a)
	for _, name := range []string{previousFile, templateFile, resolvedFile, "." + previousFile + "123", "." + second + tableSuffix + "456"} {
		if err := os.WriteFile(a.path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a.forget()
	left, err := os.ReadDir(a.Dir)
	var names []string
	for _, file := range left {
		names = append(names, file.Name())
	}
	if want := []string{a.record.Table + tableSuffix, recordFile}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, %v, want %v", names, err, want)
	}
}

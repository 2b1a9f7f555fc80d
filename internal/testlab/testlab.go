// SPDX-License-Identifier: Apache-2.0

// Package testlab gives tests a lab, and contexts with a time limit.
package testlab

import (
	"context"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// New returns a lab that exists until the test ends. The names of its namespaces begin with name. It requires
// root.
func New(t testing.TB, name string) *lab.Lab {
	t.Helper()
	l, err := lab.New(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// Within returns a context that ends with the test or after a time.
func Within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

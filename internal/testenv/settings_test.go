// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"testing"
	"time"
)

func TestSettings(t *testing.T) {
	t.Setenv(Seed, "")
	t.Setenv(Length, "")
	t.Setenv(Frames, "")
	if d, n := Duration(t, time.Second), Count(t, Frames, 7); d != time.Second || n != 7 {
		t.Errorf("defaults: %v, %d", d, n)
	}
	t.Setenv(Length, "90s")
	t.Setenv(Frames, "12")
	if d, n := Duration(t, time.Second), Count(t, Frames, 7); d != 90*time.Second || n != 12 {
		t.Errorf("set: %v, %d, want 90s, 12", d, n)
	}
}

// The same seed gives the same numbers; without one two runs differ.
func TestRand(t *testing.T) {
	t.Setenv(Seed, "")
	if a, b := RandSeed(t), RandSeed(t); a == b {
		t.Errorf("two seeds are %d", a)
	}
	t.Setenv(Seed, "18446744073709551615")
	if got := RandSeed(t); got != 1<<64-1 {
		t.Errorf("seed %d", got)
	}
	if a, b := Rand(t).Uint64(), Rand(t).Uint64(); a != b {
		t.Errorf("%d and %d from one seed", a, b)
	}
}

// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// Variables that change how long and with which random numbers a test runs. All begin with EROUTE_TEST_, the
// prefix that is passed on to tests in a VM.
const (
	Seed    = "EROUTE_TEST_SEED"     // decimal uint64: repeats a random run
	Length  = "EROUTE_TEST_DURATION" // as time.ParseDuration reads it
	Frames  = "EROUTE_TEST_FRAMES"   // decimal: mutated frames
	Packets = "EROUTE_TEST_PACKETS"  // decimal: packets through the difference of two tables
	Eroutes = "EROUTE_TEST_EROUTES"  // decimal: size of a table to benchmark
	Setups  = "EROUTE_TEST_SETUPS"   // 1: all set-ups of physical interfaces
)

// Rand returns a random source, seeded by EROUTE_TEST_SEED if that is set. It logs the seed, so that a failed
// run can be repeated.
func Rand(t testing.TB) *rand.Rand {
	t.Helper()
	return rand.New(rand.NewPCG(RandSeed(t), 0))
}

// RandSeed returns and logs the seed that Rand uses, for tests with several random sources.
func RandSeed(t testing.TB) uint64 {
	t.Helper()
	seed := parsed(t, Seed, rand.Uint64(), func(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) })
	t.Logf("%s=%d", Seed, seed)
	return seed
}

// Duration returns the duration in EROUTE_TEST_DURATION, or the default.
func Duration(t testing.TB, byDefault time.Duration) time.Duration {
	t.Helper()
	return parsed(t, Length, byDefault, time.ParseDuration)
}

// Count returns the number in the environment variable, or the default.
func Count(t testing.TB, variable string, byDefault int) int {
	t.Helper()
	return parsed(t, variable, byDefault, strconv.Atoi)
}

// parsed returns the parsed value of the variable, or the default if it is unset or empty. A value that does
// not parse fails the test.
func parsed[T any](t testing.TB, variable string, byDefault T, parse func(string) (T, error)) T {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return byDefault
	}
	value, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return value
}

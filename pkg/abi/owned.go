// SPDX-License-Identifier: Apache-2.0

package abi

// Owned returns the value of an owned word, its low 48 bits: bpf/owned.h.
func Owned(word uint64) uint64 { return word << 16 >> 16 }

// OwnedWord returns a word with a value that is owned by the flow with a serial.
func OwnedWord(serial, value uint64) uint64 { return serial<<48 | Owned(value) }

// TickShift is TICK_SHIFT of bpf/owned.h.
const TickShift = 6

// TicksToMonotonic converts the time in an owned word, which must not be in the future, to CLOCK_MONOTONIC
// nanoseconds. The word wraps around after half a year.
func TicksToMonotonic(word uint64) uint64 {
	now, err := Monotonic()
	if err != nil {
		return 0
	}
	return (now>>TickShift - Owned(now>>TickShift-word)) << TickShift
}

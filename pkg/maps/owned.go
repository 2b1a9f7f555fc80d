// SPDX-License-Identifier: Apache-2.0

package maps

// owned is the value of an owned word: bpf/owned.h.
func owned(word uint64) uint64 { return word << 16 >> 16 }

// ownedWord is one of the owner with the low bits of a serial.
func ownedWord(serial, value uint64) uint64 { return serial<<48 | owned(value) }

// tickShift is TICK_SHIFT of bpf/owned.h.
const tickShift = 6

// ticksToMonotonic turns an owned word with a time that is not after now into nanoseconds. Its bits come
// again after half a year.
func ticksToMonotonic(word uint64) uint64 {
	now, err := monotonic()
	if err != nil {
		return 0
	}
	return (now>>tickShift - owned(now>>tickShift-word)) << tickShift
}

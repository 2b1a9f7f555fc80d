// SPDX-License-Identifier: Apache-2.0

// Package journal publishes events of a network namespace: changes of the eroute table and what the relay does.
//
// The journal is a ring of entries in a memory-mapped array, which the first reader pins next to the table. Publishers
// write into it and never wait; each reader reads at its own pace, and detects lost events by the sequence numbers of
// entries. Readers hold a lease. Without a reader nothing is written.
package journal

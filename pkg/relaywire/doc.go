// SPDX-License-Identifier: Apache-2.0

// Package relaywire is what the relay and the rest exchange: events that programs put into the ring buffer
// eroute_events, messages of commands about holds that have ended, which take the same way and so keep their order with
// the packets, and the state in eroute_relay. One relay at a time has the lock of a network namespace.
package relaywire

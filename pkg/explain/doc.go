// SPDX-License-Identifier: Apache-2.0

// Package explain determines for a packet which eroutes match it, which of them wins and why, and what then
// happens to the packet, from the table, the SAs and the routes of a network namespace. It follows the decisions
// of bpf/egress.bpf.c and bpf/wire.bpf.c in Go and reports where the kernel program and the table disagree.
package explain

// SPDX-License-Identifier: Apache-2.0

// Package agent keeps the eroute table of one gateway at the revision that its ring is assigned.
//
// It changes the table only for an assignment, a revision and a table that pinned keys have signed, and only if the
// gateway's own rules allow it. If the gateway's health is not good within a time afterwards, it restores the table
// before, which it does not need the store for. Without the store it changes nothing.
package agent

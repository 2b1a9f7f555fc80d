// SPDX-License-Identifier: Apache-2.0

// Package fleet is what operators and gateways exchange through a store that neither trusts: snapshots of the eroute
// table, signed revisions that name one, and signed assignments of a revision to a ring of gateways.
//
// The store can withhold all of these and show old ones. It cannot make a gateway load a table that no operator has
// signed, nor return to an older assignment: the serial number of a ring only grows.
package fleet

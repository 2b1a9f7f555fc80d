// SPDX-License-Identifier: Apache-2.0

// Package sas holds the Security Associations that the eroutes of a table name. Each has a slot in eroute_sas, which
// the programs read, and an entry in eroute_said: the slot, and the number of eroutes that name the SA. The package
// allocates slots, binds SAs to XFRM's states, and stops packets before a state or a slot is taken away from them. A
// group of SAs has a slot and an entry, too, and its members in eroute_members.
package sas

// SPDX-License-Identifier: Apache-2.0

// Package lookup runs the program that looks a packet up in the table, on a frame that is made for the packet. The
// program is pinned with the table's maps; commands run it to show what the programs on interfaces would do.
package lookup

// SPDX-License-Identifier: Apache-2.0

// Package pinned has the operations on pinned maps and programs that every part of the table needs: inner maps of
// arrays of maps, arrays that are mapped into memory, iteration in batches, many errors, lack of memory, test runs. It
// does not know what the maps mean.
package pinned

// SPDX-License-Identifier: Apache-2.0

// Package erouteargs declares the options of "ipsec eroute" and converts them to selectors, SAIDs, changes and
// filters. It also reads files: batches, whose lines are the options of one change each, packets to look up, and
// assertions.
package erouteargs

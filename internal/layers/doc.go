// SPDX-License-Identifier: Apache-2.0

// Package layers tests that packages import only packages of lower layers:
//
//	cmd/ipsec  cmd/ipsec-fleet
//	render  metrics                                              of internal/; text and JSON
//	doctor  explain  acquire
//	device  monitor
//	maps  cost                                                   the table; its most expensive packet
//	lookup  cache  tries  index  sas  counters  journal  relaywire
//	                                                             its parts
//	pinned  erouteargs                                           operations on pinned maps; options of eroute (internal/)
//	abi  loader  xfrm  diff  top                                 conversions; files, locks and programs; SAs; no maps
//	eroute  bpf  fib  ifname  netdump  netlisten                 values; programs; the kernel's routes and interfaces
//
// The packages of pkg/fleet are among them: the command ipsec imports none.
package layers

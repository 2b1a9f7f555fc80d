// SPDX-License-Identifier: Apache-2.0

// Package layers tests that packages import only packages of lower layers:
//
//	cmd/ipsec  cmd/ipsec-fleet
//	guard                                                        refuses changes of the table (internal/)
//	render  metrics                                              text and JSON (internal/); metrics
//	doctor  explain  acquire  tncfgargs                          options of tncfg (internal/)
//	device  monitor  layout
//	maps  cost                                                   the table; its most expensive packet
//	lookup  cache  tries  index  sas  counters  interfaces  traps  journal  relaywire  revision
//	                                                             its parts
//	pinned  erouteargs                                           operations on pinned maps; options of eroute (internal/)
//	abi  loader  xfrm  diff  top                                 conversions; files, locks and programs; SAs; no maps
//	eroute  bpf  fib  ifname  netdump  netlisten                 values; programs; the kernel's routes and interfaces
//
// The packages of pkg/fleet are among them: the command ipsec imports none.
package layers

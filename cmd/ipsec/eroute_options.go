// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/ipsec-eroute/eroute/internal/cli"

// Options of "ipsec eroute", in the order of the help text.
const (
	optAdd cli.ID = iota
	optReplace
	optDel
	optClear
	optBatch
	optSave
	optRestore
	optDiff
	optImport
	optLookup
	optSync
	optLimit
	optStats
	optWatch
	optMetrics

	optEraf
	optSrc
	optDst
	optTransportProto
	optSrcPort
	optDstPort
	optMinPackets

	optSaid
	optAf
	optEdst
	optSPI
	optProto

	optAcquireMode
	optAcquireProto
	optAcquirePeer
	optAcquireReqID

	optCheck
	optNoNewClear
	optAssert
	optExplain
	optInterval
	optJSON
	optLabel
	optDebug
	optHelp
	optVersion
)

const (
	actionGroup   = "Actions (at most one; without an action the table is listed)"
	selectorGroup = "Selector"
	saidGroup     = "SAID, as one text or in parts"
	acquireGroup  = "ACQUIREs of %trap and %trapsubnet"
)

var erouteOptions = cli.Options{
	optAdd:     {Name: "add", Group: actionGroup, Help: "add an eroute; fails if the selector is already in use"},
	optReplace: {Name: "replace", Group: actionGroup, Help: "add an eroute, or replace the one with this selector"},
	optDel:     {Name: "del", Group: actionGroup, Help: "delete the eroute with exactly this selector"},
	optClear:   {Name: "clear", Group: actionGroup, Help: "delete all eroutes"},
	optBatch:   {Name: "batch", Arg: "FILE|-", Group: actionGroup, Help: "check all lines of a file of --add, --replace, --del and --clear, then apply them in order; with --lookup: look up a packet per line"},
	optSave:    {Name: "save", Arg: "FILE|-", Group: actionGroup, Help: "write the table in the format of --batch and --restore"},
	optImport:  {Name: "import-xfrm", Group: actionGroup, Help: "print the kernel's outbound XFRM policies in the format of --batch"},
	optRestore: {Name: "restore", Arg: "FILE|-", Group: actionGroup, Help: "atomically replace the table with one written by --save"},
	optDiff:    {Name: "diff", Arg: "FILE|- [FILE|-]", Second: true, Group: actionGroup, Help: "show which packets two tables treat differently; the name \"running\", default of the second, is the table in use"},
	optLookup:  {Name: "lookup", Group: actionGroup, Help: "print the eroute that a packet matches, or none"},
	optSync:    {Name: "sync", Group: actionGroup, Help: "re-read the kernel's SAs, routes and interfaces and update the table"},
	optLimit:   {Name: "limit", Arg: "N", Group: actionGroup, Help: "set the maximum number of eroutes"},
	optStats:   {Name: "stats", Group: actionGroup, Help: "print table size, packets by verdict and reason, and XFRM's error counters"},
	optWatch:   {Name: "watch", Group: actionGroup, Help: "show the busiest eroutes and their rates until interrupted"},
	optMetrics: {Name: "metrics", Arg: "FILE|-", Group: actionGroup, Help: "write Prometheus metrics for node_exporter's textfile collector"},

	optEraf:           {Name: "eraf", Arg: "inet|inet6", Group: selectorGroup, Help: "address family; default: that of --src and --dst"},
	optSrc:            {Name: "src", Arg: "S/M", Group: selectorGroup, Help: "source prefix, or %default; an address for --lookup; the listing is limited to eroutes within it"},
	optDst:            {Name: "dst", Arg: "D/M", Group: selectorGroup, Help: "destination prefix, likewise"},
	optTransportProto: {Name: "transport-proto", Arg: "P", Group: selectorGroup, Help: "protocol, number or name; default: any"},
	optSrcPort:        {Name: "src-port", Arg: "N", Group: selectorGroup, Help: "TCP or UDP source port, number or service name; default: any"},
	optDstPort:        {Name: "dst-port", Arg: "N", Group: selectorGroup, Help: "TCP or UDP destination port, likewise"},
	optMinPackets:     {Name: "min-packets", Arg: "N", Group: selectorGroup, Help: "list only eroutes with at least N packets"},

	optSaid:  {Name: "said", Arg: "TEXT", Group: saidGroup, Help: "an SA such as tun0x1000@192.0.2.2 or esp.1000@192.0.2.2, or one of %pass, %drop, %reject, %trap, %trapsubnet and %hold"},
	optAf:    {Name: "af", Arg: "inet|inet6", Group: saidGroup, Help: "address family of --edst"},
	optEdst:  {Name: "edst", Arg: "E", Group: saidGroup, Help: "address of the peer (effective destination)"},
	optSPI:   {Name: "spi", Arg: "N", Group: saidGroup, Help: "security parameters index, at least 0x100"},
	optProto: {Name: "proto", Arg: "ah|esp|comp|tun", Group: saidGroup, Help: "protocol of the SA; tun: any SA in tunnel mode"},

	optAcquireMode:  {Name: "acquire-mode", Arg: "tunnel|transport", Group: acquireGroup, Help: "mode of the SA; default: tunnel"},
	optAcquireProto: {Name: "acquire-proto", Arg: "esp|ah|comp", Group: acquireGroup, Help: "protocol of the SA; default: esp"},
	optAcquirePeer:  {Name: "acquire-peer", Arg: "E", Group: acquireGroup, Help: "address of the peer; default: chosen by the key manager"},
	optAcquireReqID: {Name: "acquire-reqid", Arg: "N", Group: acquireGroup, Help: "reqid of the SA; default: that of the key manager's policy for the flow"},

	optCheck:      {Name: "check", Group: cli.OtherGroup, Help: "validate the change and print its effect, but do not apply it"},
	optNoNewClear: {Name: "no-new-clear", Group: cli.OtherGroup, Help: "with --restore or --batch: refuse a change that sends packets in clear that are not sent in clear now"},
	optAssert:     {Name: "assert", Arg: "FILE|-", Group: cli.OtherGroup, Help: "with --restore or --batch: refuse the change unless each line of the file, SRC DST [PROTO [SPORT [DPORT]]] VERDICT, holds for the new table"},
	optExplain:    {Name: "explain", Group: cli.OtherGroup, Help: "with --lookup: show all matching eroutes, why one wins, and what happens to the packet"},
	optInterval:   {Name: "interval", Arg: "SECONDS", Group: cli.OtherGroup, Help: "with --watch: refresh interval in seconds; default: 2"},
	optJSON:       {Name: "json", Group: cli.OtherGroup, Help: "print the listing, --lookup, --diff, --stats or --watch as JSON"},
	optLabel:      cli.LabelOption,
	optDebug:      cli.DebugOption,
	optHelp:       cli.HelpOption,
	optVersion:    cli.VersionOption,
}

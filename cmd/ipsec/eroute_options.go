// SPDX-License-Identifier: Apache-2.0

package main

// Options of "ipsec eroute", in the order of the help text.
const (
	optAdd optionID = iota
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
	otherGroup    = "Other options"
)

var erouteOptions = optionSet{
	optAdd:     {name: "add", group: actionGroup, help: "add an eroute; fails if the selector is already in use"},
	optReplace: {name: "replace", group: actionGroup, help: "add an eroute, or replace the one with this selector"},
	optDel:     {name: "del", group: actionGroup, help: "delete the eroute with exactly this selector"},
	optClear:   {name: "clear", group: actionGroup, help: "delete all eroutes"},
	optBatch:   {name: "batch", arg: "FILE|-", group: actionGroup, help: "apply a file of --add, --replace, --del and --clear lines atomically; with --lookup: look up a packet per line"},
	optSave:    {name: "save", arg: "FILE|-", group: actionGroup, help: "write the table in the format of --batch and --restore"},
	optImport:  {name: "import-xfrm", group: actionGroup, help: "print the kernel's outbound XFRM policies in the format of --batch"},
	optRestore: {name: "restore", arg: "FILE|-", group: actionGroup, help: "atomically replace the table with one written by --save"},
	optDiff:    {name: "diff", arg: "FILE|- [FILE|-]", second: true, group: actionGroup, help: "show which packets two tables treat differently; the name \"running\", default of the second, is the table in use"},
	optLookup:  {name: "lookup", group: actionGroup, help: "print the eroute that a packet matches, or none"},
	optSync:    {name: "sync", group: actionGroup, help: "re-read the kernel's SAs, routes and interfaces and update the table"},
	optLimit:   {name: "limit", arg: "N", group: actionGroup, help: "set the maximum number of eroutes"},
	optStats:   {name: "stats", group: actionGroup, help: "print table size, packets by verdict and reason, and XFRM's error counters"},
	optWatch:   {name: "watch", group: actionGroup, help: "show the busiest eroutes and their rates until interrupted"},
	optMetrics: {name: "metrics", arg: "FILE|-", group: actionGroup, help: "write Prometheus metrics for node_exporter's textfile collector"},

	optEraf:           {name: "eraf", arg: "inet|inet6", group: selectorGroup, help: "address family; default: that of --src and --dst"},
	optSrc:            {name: "src", arg: "S/M", group: selectorGroup, help: "source prefix, or %default; an address for --lookup; the listing is limited to eroutes within it"},
	optDst:            {name: "dst", arg: "D/M", group: selectorGroup, help: "destination prefix, likewise"},
	optTransportProto: {name: "transport-proto", arg: "P", group: selectorGroup, help: "protocol, number or name; default: any"},
	optSrcPort:        {name: "src-port", arg: "N", group: selectorGroup, help: "TCP or UDP source port, number or service name; default: any"},
	optDstPort:        {name: "dst-port", arg: "N", group: selectorGroup, help: "TCP or UDP destination port, likewise"},
	optMinPackets:     {name: "min-packets", arg: "N", group: selectorGroup, help: "list only eroutes with at least N packets"},

	optSaid:  {name: "said", arg: "TEXT", group: saidGroup, help: "an SA such as tun0x1000@192.0.2.2 or esp.1000@192.0.2.2, or one of %pass, %drop, %reject, %trap, %trapsubnet and %hold"},
	optAf:    {name: "af", arg: "inet|inet6", group: saidGroup, help: "address family of --edst"},
	optEdst:  {name: "edst", arg: "E", group: saidGroup, help: "address of the peer (effective destination)"},
	optSPI:   {name: "spi", arg: "N", group: saidGroup, help: "security parameters index, at least 0x100"},
	optProto: {name: "proto", arg: "ah|esp|comp|tun", group: saidGroup, help: "protocol of the SA; tun: any SA in tunnel mode"},

	optAcquireMode:  {name: "acquire-mode", arg: "tunnel|transport", group: acquireGroup, help: "mode of the SA; default: tunnel"},
	optAcquireProto: {name: "acquire-proto", arg: "esp|ah|comp", group: acquireGroup, help: "protocol of the SA; default: esp"},
	optAcquirePeer:  {name: "acquire-peer", arg: "E", group: acquireGroup, help: "address of the peer; default: chosen by the key manager"},
	optAcquireReqID: {name: "acquire-reqid", arg: "N", group: acquireGroup, help: "reqid of the SA; default: that of the key manager's policy for the flow"},

	optCheck:      {name: "check", group: otherGroup, help: "validate the change and print its effect, but do not apply it"},
	optNoNewClear: {name: "no-new-clear", group: otherGroup, help: "with --restore or --batch: refuse a change that sends packets in clear that are not sent in clear now"},
	optAssert:     {name: "assert", arg: "FILE|-", group: otherGroup, help: "with --restore or --batch: refuse the change unless each line of the file, SRC DST [PROTO [SPORT [DPORT]]] VERDICT, holds for the new table"},
	optExplain:    {name: "explain", group: otherGroup, help: "with --lookup: show all matching eroutes, why one wins, and what happens to the packet"},
	optInterval:   {name: "interval", arg: "SECONDS", group: otherGroup, help: "with --watch: refresh interval in seconds; default: 2"},
	optJSON:       {name: "json", group: otherGroup, help: "print the listing, --lookup, --diff, --stats or --watch as JSON"},
	optLabel:      labelOption,
	optDebug:      debugOption,
	optHelp:       helpOption,
	optVersion:    versionOption,
}

// Options that all commands have.
var (
	labelOption   = option{name: "label", arg: "TEXT", group: otherGroup, help: "prefix messages with TEXT"}
	debugOption   = option{name: "debug", group: otherGroup, help: "print debug messages to standard error"}
	helpOption    = option{name: "help", group: otherGroup, help: "print this help"}
	versionOption = option{name: "version", group: otherGroup, help: "print the version"}
)

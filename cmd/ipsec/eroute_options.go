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
	actionGroup   = "Actions, one at most; without one the table is listed"
	selectorGroup = "Which packets"
	saidGroup     = "What becomes of them: a SAID, as one text or in parts"
	acquireGroup  = "How %trap and %trapsubnet ask key managers"
	otherGroup    = "Other options"
)

var erouteOptions = optionSet{
	optAdd:     {name: "add", group: actionGroup, help: "add an eroute; an error if there is one for these packets"},
	optReplace: {name: "replace", group: actionGroup, help: "add an eroute, in place of the one there is"},
	optDel:     {name: "del", group: actionGroup, help: "delete the eroute for exactly these packets"},
	optClear:   {name: "clear", group: actionGroup, help: "delete all eroutes"},
	optBatch:   {name: "batch", arg: "FILE|-", group: actionGroup, help: "add, replace, delete and clear, a line each; all or none"},
	optSave:    {name: "save", arg: "FILE|-", group: actionGroup, help: "write the table as lines that --batch reads"},
	optImport:  {name: "import-xfrm", group: actionGroup, help: "write XFRM's out policies as lines that --batch reads"},
	optRestore: {name: "restore", arg: "FILE|-", group: actionGroup, help: "make what --save wrote the table, in one step"},
	optDiff:    {name: "diff", arg: "FILE|- [FILE|-]", second: true, group: actionGroup, help: "print which packets a second table treats differently; default, or by the name running: this one"},
	optLookup:  {name: "lookup", group: actionGroup, help: "print the eroute a packet would meet, or none"},
	optSync:    {name: "sync", group: actionGroup, help: "look anew which SAs exist"},
	optLimit:   {name: "limit", arg: "N", group: actionGroup, help: "let the table hold N eroutes at the most"},
	optStats:   {name: "stats", group: actionGroup, help: "print what became of all packets so far, in XFRM too"},
	optWatch:   {name: "watch", group: actionGroup, help: "show which eroutes packets meet, the busiest first, until stopped"},
	optMetrics: {name: "metrics", arg: "FILE|-", group: actionGroup, help: "write Prometheus metrics, as node_exporter's textfile collector reads them"},

	optEraf:           {name: "eraf", arg: "inet|inet6", group: selectorGroup, help: "address family; default: that of --src and --dst"},
	optSrc:            {name: "src", arg: "S/M", group: selectorGroup, help: "source prefix, or %default; for --lookup an address; a listing shows all within"},
	optDst:            {name: "dst", arg: "D/M", group: selectorGroup, help: "destination prefix, or %default; for --lookup an address"},
	optTransportProto: {name: "transport-proto", arg: "P", group: selectorGroup, help: "protocol, number or name; default: all"},
	optSrcPort:        {name: "src-port", arg: "N", group: selectorGroup, help: "source port of TCP or UDP, number or name; default: all"},
	optDstPort:        {name: "dst-port", arg: "N", group: selectorGroup, help: "destination port, likewise"},
	optMinPackets:     {name: "min-packets", arg: "N", group: selectorGroup, help: "a listing shows the eroutes that N packets or more have met"},

	optSaid:  {name: "said", arg: "TEXT", group: saidGroup, help: "tun0x1000@192.0.2.2, esp.1000@192.0.2.2, %pass, %drop ..."},
	optAf:    {name: "af", arg: "inet|inet6", group: saidGroup, help: "address family of --edst"},
	optEdst:  {name: "edst", arg: "E", group: saidGroup, help: "the peer's address"},
	optSPI:   {name: "spi", arg: "N", group: saidGroup, help: "security parameters index, 0x100 or more"},
	optProto: {name: "proto", arg: "ah|esp|comp|tun", group: saidGroup, help: "the SA's protocol; tun: any SA in tunnel mode"},

	optAcquireMode:  {name: "acquire-mode", arg: "tunnel|transport", group: acquireGroup, help: "the SA's mode; default: tunnel"},
	optAcquireProto: {name: "acquire-proto", arg: "esp|ah|comp", group: acquireGroup, help: "the SA's protocol; default: esp"},
	optAcquirePeer:  {name: "acquire-peer", arg: "E", group: acquireGroup, help: "the peer's address; default: the key manager knows"},
	optAcquireReqID: {name: "acquire-reqid", arg: "N", group: acquireGroup, help: "the reqid of the SA; default: that of the key manager's policy for the flow"},

	optCheck:      {name: "check", group: otherGroup, help: "say whether the change can be made and what it does, without making it"},
	optNoNewClear: {name: "no-new-clear", group: otherGroup, help: "with --restore or --batch: refuse to send packets in clear that are not now"},
	optAssert:     {name: "assert", arg: "FILE|-", group: otherGroup, help: "with --restore or --batch: refuse unless every line holds then: SRC DST [PROTO [SPORT [DPORT]]] VERDICT"},
	optExplain:    {name: "explain", group: otherGroup, help: "with --lookup: what matches, what wins and why, what happens next"},
	optInterval:   {name: "interval", arg: "SECONDS", group: otherGroup, help: "with --watch: look after as many seconds again; default: 2"},
	optJSON:       {name: "json", group: otherGroup, help: "print the table, --lookup, --diff, --stats or --watch as JSON"},
	optLabel:      {name: "label", arg: "TEXT", group: otherGroup, help: "begin messages with TEXT"},
	optDebug:      {name: "debug", group: otherGroup, help: "tell on standard error what is being done"},
	optHelp:       {name: "help", group: otherGroup, help: "print this text"},
	optVersion:    {name: "version", group: otherGroup, help: "print the version"},
}

// SPDX-License-Identifier: Apache-2.0

package erouteargs

import "github.com/ipsec-eroute/eroute/internal/cli"

// Indices of [Options], in the order of the help text.
const (
	OptAdd cli.ID = iota
	OptReplace
	OptDel
	OptClear
	OptBatch
	OptSave
	OptRestore
	OptDiff
	OptImport
	OptLookup
	OptSetAside
	OptPutBack
	OptSync
	OptLimit
	OptStats
	OptWatch
	OptMetrics

	OptEraf
	OptSrc
	OptDst
	OptTransportProto
	OptSrcPort
	OptDstPort
	OptMinPackets

	OptSAID
	OptSpread
	OptReturnAfter
	OptAf
	OptEdst
	OptSPI
	OptProto

	OptAcquireMode
	OptAcquireProto
	OptAcquirePeer
	OptAcquireReqID
	OptAcquireSpread

	OptCheck
	OptNoNewClear
	OptAssert
	OptRevision
	OptExplain
	OptInterval
	OptAll
	OptJSON
	OptLabel
	OptDebug
	OptHelp
	OptVersion
)

const (
	actionGroup   = "Actions (at most one; without an action the table is listed)"
	selectorGroup = "Selector"
	saidGroup     = "SAID, as one text or in parts"
	acquireGroup  = "ACQUIREs of %trap and %trapsubnet"
)

// Options are the options of "ipsec eroute".
var Options = cli.Options{
	OptAdd:      {Name: "add", Group: actionGroup, Help: "add an eroute; fails if the selector is already in use"},
	OptReplace:  {Name: "replace", Group: actionGroup, Help: "add an eroute, or replace the one with this selector"},
	OptDel:      {Name: "del", Group: actionGroup, Help: "delete the eroute with exactly this selector"},
	OptClear:    {Name: "clear", Group: actionGroup, Help: "delete all eroutes"},
	OptBatch:    {Name: "batch", Arg: "FILE|-", Group: actionGroup, Help: "check all lines of a file of --add, --replace, --del and --clear, then apply them in order; with --lookup: look up a packet per line"},
	OptSave:     {Name: "save", Arg: "FILE|-", Group: actionGroup, Help: "write the table in the format of --batch and --restore"},
	OptImport:   {Name: "import-xfrm", Group: actionGroup, Help: "print the kernel's outbound XFRM policies in the format of --batch"},
	OptRestore:  {Name: "restore", Arg: "FILE|-", Group: actionGroup, Help: "atomically replace the table with one written by --save"},
	OptDiff:     {Name: "diff", Arg: "FILE|- [FILE|-]", Second: true, Group: actionGroup, Help: "show which packets two tables treat differently; the name \"running\", default of the second, is the table in use"},
	OptLookup:   {Name: "lookup", Group: actionGroup, Help: "print the eroute that a packet matches, or none"},
	OptSetAside: {Name: "set-aside", Arg: "SAID", Group: actionGroup, Help: "stop using an SA in all groups of SAs until --put-back; eroutes with this SA alone still use it"},
	OptPutBack:  {Name: "put-back", Arg: "SAID", Group: actionGroup, Help: "use an SA in groups again after --set-aside"},
	OptSync:     {Name: "sync", Group: actionGroup, Help: "re-read the kernel's SAs, routes and interfaces and update the table"},
	OptLimit:    {Name: "limit", Arg: "N", Group: actionGroup, Help: "set the maximum number of eroutes"},
	OptStats:    {Name: "stats", Group: actionGroup, Help: "print table size, packets by reason and verdict, and XFRM's error counters"},
	OptWatch:    {Name: "watch", Group: actionGroup, Help: "show the busiest eroutes and their rates until interrupted"},
	OptMetrics:  {Name: "metrics", Arg: "FILE|-", Group: actionGroup, Help: "write Prometheus metrics for node_exporter's textfile collector"},

	OptEraf:           {Name: "eraf", Arg: "inet|inet6", Group: selectorGroup, Help: "address family; default: that of --src and --dst"},
	OptSrc:            {Name: "src", Arg: "S/M", Group: selectorGroup, Help: "source prefix, or %default; an address for --lookup; the listing is limited to eroutes within it; %default: all addresses"},
	OptDst:            {Name: "dst", Arg: "D/M", Group: selectorGroup, Help: "destination prefix, likewise"},
	OptTransportProto: {Name: "transport-proto", Arg: "P", Group: selectorGroup, Help: "protocol, number or name; default: any"},
	OptSrcPort:        {Name: "src-port", Arg: "N", Group: selectorGroup, Help: "TCP or UDP source port, number or service name; default: any"},
	OptDstPort:        {Name: "dst-port", Arg: "N", Group: selectorGroup, Help: "TCP or UDP destination port, likewise"},
	OptMinPackets:     {Name: "min-packets", Arg: "N", Group: selectorGroup, Help: "list only eroutes with at least N packets"},

	OptSAID:        {Name: "said", Arg: "TEXT", Group: saidGroup, Help: "an SA such as tun0x1000@192.0.2.2 or esp.1000@192.0.2.2, or one of %pass, %drop, %reject, %trap, %trapsubnet, %hold and %xfrm; or up to 64 SAs, separated by commas, of which the last can be %trap"},
	OptSpread:      {Name: "spread", Arg: "flow|failover|cpu", Group: saidGroup, Help: "how several SAs share the packets: flow: each flow stays with one SA; failover: the first SA that exists; cpu: the SA that is bound to the packet's CPU, else one that is bound to none (Linux 6.13)"},
	OptReturnAfter: {Name: "return-after", Arg: "SECONDS", Group: saidGroup, Help: "with --spread: use an SA younger than this only while there is no older one, so that flows return to an SA that comes back after this time; default: at once"},
	OptAf:          {Name: "af", Arg: "inet|inet6", Group: saidGroup, Help: "address family of --edst"},
	OptEdst:        {Name: "edst", Arg: "E", Group: saidGroup, Help: "address of the peer (effective destination)"},
	OptSPI:         {Name: "spi", Arg: "N", Group: saidGroup, Help: "security parameters index, at least 0x100"},
	OptProto:       {Name: "proto", Arg: "ah|esp|comp|tun", Group: saidGroup, Help: "protocol of the SA; tun: any SA in tunnel mode"},

	OptAcquireMode:   {Name: "acquire-mode", Arg: "tunnel|transport", Group: acquireGroup, Help: "mode of the SA; default: tunnel"},
	OptAcquireProto:  {Name: "acquire-proto", Arg: "esp|ah|comp", Group: acquireGroup, Help: "protocol of the SA; default: esp"},
	OptAcquirePeer:   {Name: "acquire-peer", Arg: "E", Group: acquireGroup, Help: "address of the peer; default: chosen by the key manager"},
	OptAcquireReqID:  {Name: "acquire-reqid", Arg: "N", Group: acquireGroup, Help: "reqid of the SA; default: that of the key manager's policy for the flow"},
	OptAcquireSpread: {Name: "acquire-spread", Arg: "flow|cpu", Group: acquireGroup, Help: "use all SAs that the key manager has for a flow: flow: each flow of a port stays with one SA; cpu: an SA for each CPU, requested once there is one for all (Linux 6.13); default: only the newest SA"},

	OptCheck:      {Name: "check", Group: cli.OtherGroup, Help: "validate the change and print its effect, but do not apply it"},
	OptNoNewClear: {Name: "no-new-clear", Group: cli.OtherGroup, Help: "with --restore or --batch: refuse a change that sends packets in clear that are not sent in clear now"},
	OptAssert:     {Name: "assert", Arg: "FILE|-", Group: cli.OtherGroup, Help: "with --restore or --batch: refuse the change unless each line of the file, SRC DST [PROTO [SPORT [DPORT]]] VERDICT, holds for the new table"},
	OptRevision:   {Name: "revision", Arg: "ID", Group: cli.OtherGroup, Help: "with --restore: record that the table is of this revision, see --stats; if no eroute changes, do nothing else; ID,changed: one that was changed afterwards; none: of no revision"},
	OptExplain:    {Name: "explain", Group: cli.OtherGroup, Help: "with --lookup: show all matching eroutes, why one wins, and what happens to the packet"},
	OptInterval:   {Name: "interval", Arg: "SECONDS", Group: cli.OtherGroup, Help: "with --watch: refresh interval in seconds; default: 2"},
	OptAll:        {Name: "all", Group: cli.OtherGroup, Help: "with --stats: also print reasons and counters without packets"},
	OptJSON:       {Name: "json", Group: cli.OtherGroup, Help: "print the listing, --lookup, --diff, --stats or --watch as JSON"},
	OptLabel:      cli.LabelOption,
	OptDebug:      cli.DebugOption,
	OptHelp:       cli.HelpOption,
	OptVersion:    cli.VersionOption,
}

// SPDX-License-Identifier: Apache-2.0

package figures

import "slices"

// The sections of a run.
const (
	Verdict = "verdict"
	Program = "program"
	Drop    = "drop"
	Forward = "forward"
	Change  = "change"
	Memory  = "memory"
	ESP     = "esp"
	SAs     = "sas"

	Instructions = "instructions"
	TCP          = "tcp"
	CPUs         = "cpus"
	Failover     = "failover"
	Steer        = "steer"
)

// The subjects of section CPUs, and scenarios that have goals.
const (
	OneCPU  = "one-cpu"
	TwoCPUs = "two-cpus"

	OneSA       = "eroute, one SA"
	ByFlow      = "eroute, two SAs by flow"
	ByCPU       = "eroute, an SA per CPU"
	KernelByCPU = "XFRM policy, an SA per CPU"
)

// Plain is the scenario of section Instructions that the others are compared with.
const Plain = "plain"

// ratio is one subject's figure divided by another's, after subtracting a third one's from both.
type ratio struct{ of, over, less string }

type sectionInfo struct {
	name     string
	title    string
	unit     string
	subjects []string
	ratios   []ratio
	base     string // the scenario that the others are compared with
}

var sections = []sectionInfo{
	{Verdict, "A verdict, compared with other lookups", "ns a packet",
		[]string{"walk", "hash", "lpm", "tries", "index", "verdict", "counted"},
		[]ratio{{"verdict", "hash", ""}, {"index", "hash", ""}, {"lpm", "hash", ""}}, ""},
	{Program, "A whole XDP program on frames of a list; driver: an empty one", "ns a packet",
		[]string{"driver", "parse", "eroute"},
		[]ratio{{"eroute", "parse", ""}, {"eroute", "parse", "driver"}}, ""},
	{Drop, "Dropped on veth, end to end", "Mpps",
		[]string{"bare", "eroute", "xfrm", "nft-interval", "nft-hash"},
		[]ratio{{"eroute", "bare", ""}, {"eroute", "xfrm", ""}, {"eroute", "nft-hash", ""}}, ""},
	{Forward, "Forwarded on veth, end to end", "us a packet",
		[]string{"plain", "eroute", "xfrm"},
		[]ratio{{"eroute", "plain", ""}, {"xfrm", "plain", ""}}, ""},
	{Change, "Changes of the table, from the start of a process to its end", "ms",
		[]string{"batch", "ip-batch", "add", "add-at-1", "clear"},
		[]ratio{{"ip-batch", "batch", ""}, {"add", "add-at-1", ""}}, ""},
	{Memory, "Memory in the kernel", "bytes an eroute", []string{"table", "counters"}, nil, ""},
	{ESP, "Encrypted and sent in the VM, end to end; one-policy: one for everything", "us a packet",
		[]string{"one-policy", "eroute", "xfrm"},
		[]ratio{{"eroute", "one-policy", ""}, {"xfrm", "one-policy", ""}, {"eroute", "xfrm", ""}}, ""},
	{SAs, "An SA for each eroute, in the VM; load-each and reconcile of all SAs", "us",
		[]string{"packet", "load-each", "add", "del", "reconcile"}, nil, ""},
	{Instructions, "From the generator through the gateway to the sink, with the null cipher, in the VM", "instructions a packet",
		[]string{"packet"}, nil, Plain},
	{TCP, "TCP between two hosts through both gateways, with the null cipher, in the VM", "instructions a KiB",
		[]string{"plain", "one-policy", "one-policy-offload", "eroute", "eroute-ingress"},
		[]ratio{{"eroute", "one-policy", ""}, {"eroute", "one-policy-offload", ""}, {"eroute-ingress", "one-policy", ""}, {"eroute", "plain", ""}}, ""},
	{CPUs, "From the generator through the gateway to the sink, in the VM with two CPUs", "thousands of packets a second",
		[]string{OneCPU, TwoCPUs}, []ratio{{TwoCPUs, OneCPU, ""}}, ""},
	{Failover, "The first of two SAs is deleted while 10,000 packets a second are sent, for a second more, in the VM", "packets lost",
		[]string{"policies", "interfaces", "eroute"}, nil, ""},
	{Steer, "ESP that arrives on one CPU is decrypted, in the VM with two; steered: an XDP program gives the SA, or one of two, to the other CPU", "thousands of packets a second",
		[]string{"one-sa", "one-sa-steered", "two-sas", "two-sas-steered"},
		[]ratio{{"one-sa-steered", "one-sa", ""}, {"two-sas-steered", "two-sas", ""}}, ""},
}

func section(name string) sectionInfo {
	i := slices.IndexFunc(sections, func(s sectionInfo) bool { return s.name == name })
	return sections[i]
}

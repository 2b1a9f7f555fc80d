// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"io/fs"
)

// Feature is a kernel feature.
type Feature string

// feature holds the probe of a [Feature] and the consequences if it is missing.
type feature struct {
	name     Feature
	probe    func() error // nil if the kernel has it
	required bool
	cost     string
	remedy   string
}

// allFeatures is in the order of probing: bpf_skb_set_xfrm_info exists only after XFRM interfaces were probed.
var allFeatures = []feature{
	{"BTF", probeBTF, true,
		"programs cannot be loaded", "use a kernel with CONFIG_DEBUG_INFO_BTF"},
	{"bpffs", probeBPFFS, true,
		"the table cannot be pinned", "use a kernel with CONFIG_BPF_SYSCALL"},
	{"LPM tries", probeLPM, true,
		"no table can be created", "use a kernel with CONFIG_BPF_SYSCALL"},
	{"ring buffers", probeRingBuffer, true,
		"no table can be created", "use Linux 5.8 or later"},
	{"membarrier", probeMembarrier, true,
		"commands that change the table fail", "use a kernel with CONFIG_MEMBARRIER and without nohz_full"},
	{"tcx", probeTCX, true,
		"no ipsec device can be attached", "use Linux 6.6 or later with CONFIG_NET_XGRESS"},
	{"XDP", probeXDP, true,
		"no ingress interface can be attached", "use a kernel with CONFIG_BPF_SYSCALL"},
	{"function tracing", probeTracing, false,
		"when an SA is deleted, XFRM drops its packets and blocks the SPI for 30 s, until --sync",
		"use a kernel with CONFIG_FUNCTION_TRACER and CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS"},
	{"XFRM", probeXFRM, true,
		"packets of eroutes to SAs are dropped", "use a kernel with CONFIG_XFRM_USER"},
	{"XFRM interfaces", probeXFRMInterface, true,
		"packets of eroutes to SAs are dropped, counted as no-xfrm", "use a kernel with CONFIG_XFRM_INTERFACE, or install its module xfrm_interface; boot without ipv6.disable=1"},
	{"bpf_skb_set_xfrm_info", probeXFRMInfo, true,
		"packets of eroutes to SAs are dropped, counted as no-xfrm", "use Linux 6.2 or later with CONFIG_DEBUG_INFO_BTF_MODULES"},
	{"ESP over IPv4", probeESP4, true,
		"ESP SAs cannot be created", "use a kernel with CONFIG_INET_ESP, or install its module esp4"},
	{"ESP over IPv6", probeESP6, false,
		"ESP SAs with IPv6 peers cannot be created", "use a kernel with CONFIG_INET6_ESP, or install its module esp6"},
	{"AH over IPv4", probeAH4, false,
		"AH SAs cannot be created", "use a kernel with CONFIG_INET_AH, or install its module ah4"},
	{"AH over IPv6", probeAH6, false,
		"AH SAs with IPv6 peers cannot be created", "use a kernel with CONFIG_INET6_AH, or install its module ah6"},
	{"IPComp over IPv4", probeComp4, false,
		"IPComp SAs cannot be created", "use a kernel with CONFIG_INET_IPCOMP, or install its module ipcomp"},
	{"IPComp over IPv6", probeComp6, false,
		"IPComp SAs with IPv6 peers cannot be created", "use a kernel with CONFIG_INET6_IPCOMP, or install its module ipcomp6"},
}

// probe returns the features that the kernel lacks. A forbidden probe of a required feature is returned as an
// error; an optional feature then counts as missing. (Some kernels forbid function tracing even to root.)
func probe(all []feature) (map[Feature]error, error) {
	missing := make(map[Feature]error)
	for _, f := range all {
		err := f.probe()
		if f.required && errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("try %s: %w", f.name, err)
		}
		if err != nil {
			missing[f.name] = err
		}
	}
	return missing, nil
}

// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"github.com/cilium/ebpf/btf"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// getStats is IPCTNL_MSG_CT_GET_STATS of the subsystem NFNL_SUBSYS_CTNETLINK (nfnetlink_conntrack.h).
const getStats = unix.NFNL_SUBSYS_CTNETLINK<<8 | 5

// loadConnTrack makes the kernel load its connection tracking, which NAT needs, if it has it as modules: the
// programs read connections by the types of the loaded module. It reports whether there is connection tracking.
func loadConnTrack() bool {
	req := nl.NewNetlinkRequest(getStats, unix.NLM_F_ACK)
	req.AddRawData([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, 0}) // struct nfgenmsg
	_, err := req.Execute(unix.NETLINK_NETFILTER, 0)
	return err == nil
}

// connTrackTypes returns the types of the kernel, or of its module, that describe connections, and whether there
// are any.
func connTrackTypes() (types *btf.Spec, readable bool) {
	for _, read := range []func() (*btf.Spec, error){
		btf.LoadKernelSpec,
		func() (*btf.Spec, error) { return btf.LoadKernelModuleSpec("nf_conntrack") },
	} {
		spec, err := read()
		if err != nil {
			continue
		}
		var connection *btf.Struct
		if spec.TypeByName("nf_conn", &connection) == nil {
			return spec, true
		}
	}
	return nil, false
}

// connTrackSpecs returns the types that a program needs, beside the kernel's, to read connections.
func connTrackSpecs() (specs []*btf.Spec) {
	if types, readable := connTrackTypes(); readable {
		specs = append(specs, types)
	}
	return specs
}

// SeesNAT reports whether programs loaded by [LoadWire] recognise packets whose source NAT has changed, or NAT
// is impossible. It loads the kernel's connection tracking.
func SeesNAT() bool {
	if !loadConnTrack() {
		return true
	}
	_, readable := connTrackTypes()
	return readable
}

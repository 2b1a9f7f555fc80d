// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/traps"
)

// idsName is the name of the bitmap of the counter slots in use.
const idsName = "eroute_ids"

// UserSpecs describes the maps that only user space reads.
var UserSpecs = []*ebpf.MapSpec{
	pinned.BitmapSpec(idsName, uint32(bpf.ABILimitsEROUTE_MAX)),
	sas.BitmapSpec, sas.BlocksSpec, sas.EntriesSpec, traps.Spec, revision.Spec,
}

// userNames are the names of these maps.
var userNames = []string{idsName, sas.BitmapName, sas.BlocksName, sas.EntriesName, traps.MapName, revision.MapName}

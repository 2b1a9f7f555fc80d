// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
)

// guardName is struct name of bpf/guard.bpf.c.
type guardName struct{ Word, Mask [2]uint64 }

func newGuardName(name string) (n guardName) {
	var word, mask [unix.IFNAMSIZ]byte
	copy(word[:], name)
	for i := range len(name) + 1 {
		mask[i] = 0xff
	}
	for i := range n.Word {
		n.Word[i] = binary.NativeEndian.Uint64(word[8*i:])
		n.Mask[i] = binary.NativeEndian.Uint64(mask[8*i:])
	}
	return n
}

const maxWatched = int(bpf.ABILimitsWATCHED_MAX)

// LoadGuard loads the program that drops protected packets which would leave through a device that has one of these
// names and no wire program. The kernel must have BPF programs for netfilter.
func LoadGuard(maps map[string]*ebpf.Map, names []string, dropUnmatched bool) (*ebpf.Program, error) {
	if len(names) > maxWatched {
		return nil, fmt.Errorf("%d physical interfaces: at most %d", len(names), maxWatched)
	}
	var words [maxWatched]guardName
	for i, name := range names {
		words[i] = newGuardName(name)
	}
	var drop uint8
	if dropUnmatched {
		drop = 1
	}
	loadConnTrack()
	return load(bpf.LoadGuard, "eroute_guard", maps, map[string]any{
		"names": words, "name_count": uint32(len(names)), "drop_unmatched": drop,
	}, connTrackSpecs()...)
}

// attachGuard attaches a program to netfilter's POSTROUTING of a family, after all other hooks but the last, which is
// conntrack's. No two BPF programs have the same priority there.
func attachGuard(family link.NetfilterProtocolFamily, prog *ebpf.Program) (made link.Link, err error) {
	for priority := int32(math.MaxInt32 - 1); priority > math.MaxInt32-100; priority-- {
		made, err = link.AttachNetfilter(link.NetfilterOptions{
			Program: prog, ProtocolFamily: family, Hook: link.NetfilterInetPostRouting, Priority: priority,
		})
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return made, err
}

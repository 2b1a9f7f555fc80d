// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// OpenWatch opens the table of the calling thread's network namespace for its figures, without the lock: the
// caller neither waits for a command nor delays one. It may see a change half made. Returns an error that is
// loader.ErrNoTable if there is no table.
func OpenWatch() (*Table, error) {
	dir, err := loader.OpenUnlocked()
	if err != nil {
		return nil, err
	}
	t, err := open(dir, false)
	if err != nil {
		return nil, err
	}
	if t.xfrm, err = openXFRM(); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Exact returns the eroutes that have these selectors, as the listing shows them. Selectors that are no longer
// in the table are left out.
func (t *Table) Exact(selectors []eroute.Selector) ([]eroute.Eroute, error) {
	var all []eroute.Eroute
	for _, s := range selectors {
		listed, found, err := t.exact(s)
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, listed)
		}
	}
	return all, nil
}

func (t *Table) exact(s eroute.Selector) (listed eroute.Eroute, found bool, err error) {
	flow, err := t.flow(s)
	if err != nil {
		return listed, false, err
	}
	if flow != nil {
		listed, err = t.flowEroute(flowEntry{abi.NewFlowKey(s, t.generation()), *flow}, t.sas.Reader())
		return listed, true, err
	}
	value, found, err := t.gen.Entry(s)
	if err != nil || !found {
		return listed, false, err
	}
	listed, err = t.eroute(abi.Entry{Selector: s, Value: *value}, t.sas.Reader())
	return listed, true, err
}

// SA is the traffic of an SA, counted by XFRM.
type SA struct {
	SAID    eroute.SAID
	Packets uint64
	Bytes   uint64 // before encapsulation
}

// SAs returns the traffic of these SAs. SAs that do not exist are left out.
func (t *Table) SAs(saids []eroute.SAID) ([]SA, error) {
	var all []SA
	if t.xfrm == nil {
		return nil, nil
	}
	for _, said := range saids {
		s, err := t.xfrm.State(said)
		if errors.Is(err, xfrm.ErrNoState) || errors.Is(err, xfrm.ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, err
		}
		all = append(all, SA{said, s.Packets, s.Bytes})
	}
	return all, nil
}

// Queue returns how many bytes wait for the relay, and the size of the queue in bytes. It needs write
// permission, which the kernel requires of readers of a ring buffer.
func (t *Table) Queue() (waiting, size int, err error) {
	events, err := ebpf.LoadPinnedMap(t.dir.Path("eroute_events"), nil)
	if err != nil {
		return 0, 0, fmt.Errorf("open events: %w", err)
	}
	defer func() { _ = events.Close() }()
	r, err := ringbuf.NewReader(events)
	if err != nil {
		return 0, 0, fmt.Errorf("open events: %w", err)
	}
	return r.AvailableBytes(), r.BufferSize(), r.Close()
}

// arrayBytes returns the memory of an array's values, in bytes.
func arrayBytes(spec *ebpf.MapSpec) uint64 { return uint64(spec.MaxEntries) * uint64(spec.ValueSize) }

// Memory returns the bytes of kernel memory that each map takes, by its name in bpf/maps.h. Maps of maps
// include their inner maps.
func (t *Table) Memory() (map[string]uint64, error) {
	spec, err := pinned.Specs()
	if err != nil {
		return nil, err
	}
	bytes := make(map[string]uint64)
	add := func(name string, m *ebpf.Map) error {
		info, err := m.Info()
		if err != nil {
			return fmt.Errorf("read size of map %s: %w", name, err)
		}
		n, _ := info.Memlock()
		bytes[name] += n
		return nil
	}
	for name, m := range t.maps {
		if err := add(name, m); err != nil {
			return nil, err
		}
		if m.Type() != ebpf.ArrayOfMaps {
			continue
		}
		slots, err := pinned.TakenSlots(m)
		if err != nil {
			return nil, err
		}
		if inner := spec.Maps[name].InnerMap; inner.Type == ebpf.Array { // all of one size, and cache chunks have no pins
			bytes[name] += uint64(len(slots)) * arrayBytes(inner)
			continue
		}
		for _, slot := range slots {
			inner, err := pinned.OpenInner(t.dir, m, name, slot, t.options)
			if err != nil {
				return nil, fmt.Errorf("open map %d of %s: %w", slot, name, err)
			}
			if err := errors.Join(add(name, inner), inner.Close()); err != nil {
				return nil, err
			}
		}
	}
	return bytes, nil
}

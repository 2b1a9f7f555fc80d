// SPDX-License-Identifier: Apache-2.0

// Package maps is the eroute table of a network namespace, pinned in bpffs: it opens, changes, lists and
// searches the table. Each sequence of map operations in it is safe for packets in flight, see docs/table.md.
package maps

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/counters"
	"github.com/ipsec-eroute/eroute/pkg/interfaces"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/revision"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/traps"
	"github.com/ipsec-eroute/eroute/pkg/tries"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Table is the eroute table of the network namespace it was opened in. It is not safe for concurrent use.
type Table struct {
	dir     *loader.Dir
	options *ebpf.LoadPinOptions // used to open pins
	maps    map[string]*ebpf.Map
	lookup  *lookup.Program
	gen     *tries.Generation
	counts  *counters.Set
	sas     *sas.Set
	acquire *traps.Set
	record  revision.Record
	meta    *pinned.Shared[bpf.ABITableMeta]
	relay   *pinned.Shared[bpf.ABIRelay]

	*interfaces.Set // the programs' configuration of network interfaces

	// Set if eroute counts of source prefixes and SAs are too high. Until repair has written them, no source prefix
	// and no SA is released, and every command begins with repair.
	uncounted *pinned.Shortage

	// Only if opened for writing.
	xfrm sas.XFRM       // nil also if the kernel has no XFRM
	ids  *pinned.Bitmap // counter slots in use
}

// OpenRead opens the table of the calling thread's network namespace for listing and lookup. Returns an error
// that is loader.ErrNoTable if there is none.
func OpenRead() (*Table, error) {
	dir, err := loader.OpenShared()
	if err != nil {
		return nil, err
	}
	return open(dir, false)
}

// OpenWrite opens the table of the calling thread's network namespace for changes, and creates it if there is
// none. Other writers wait until Close. OpenWrite first repairs a table that a killed command left half
// changed.
func OpenWrite() (*Table, error) {
	dir, err := loader.OpenExclusive(create)
	if err != nil {
		return nil, err
	}
	t, err := open(dir, true)
	if err != nil {
		return nil, err
	}
	if err := t.repair(); err != nil {
		_ = t.Close()
		return nil, fmt.Errorf("repair table: %w", err)
	}
	return t, nil
}

func open(dir *loader.Dir, write bool) (*Table, error) {
	t := &Table{dir: dir, options: &ebpf.LoadPinOptions{ReadOnly: !write}, maps: make(map[string]*ebpf.Map), uncounted: new(pinned.Shortage)}
	if err := t.load(write); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

func (t *Table) load(write bool) error {
	spec, err := pinned.Specs()
	if err != nil {
		return err
	}
	names := slices.Clone(userNames)
	for name := range spec.Maps {
		if pinned.IsTableMap(name) {
			names = append(names, name)
		}
	}
	for _, name := range names {
		m, err := ebpf.LoadPinnedMap(t.dir.Path(name), t.options)
		if err != nil {
			return fmt.Errorf("open map %s: %w", name, err)
		}
		t.maps[name] = m
	}
	if t.lookup, err = lookup.Open(t.dir, t.options); err != nil {
		return err
	}
	if t.meta, err = pinned.OpenShared[bpf.ABITableMeta](t.maps["eroute_meta"], !write); err != nil {
		return err
	}
	if t.relay, err = pinned.OpenShared[bpf.ABIRelay](t.maps["eroute_relay"], !write); err != nil {
		return err
	}
	if t.gen, err = tries.Open(t.dir, t.maps, t.generation(), t.options); err != nil {
		return err
	}
	t.counts = counters.NewSet(t.maps[counters.MapName], t.dir, t.options)
	t.sas = sas.New(t.maps, t.uncounted)
	t.acquire = traps.NewSet(t.maps[traps.MapName])
	t.record = revision.NewRecord(t.maps[revision.MapName])
	t.Set = interfaces.New(t.maps, t.meta)
	if !write {
		return nil
	}
	if t.ids, err = pinned.OpenBitmap(t.maps[idsName]); err != nil {
		return err
	}
	if t.xfrm, err = openXFRM(); err != nil {
		return err
	}
	t.sas, err = sas.Open(t.maps, t.uncounted, t.xfrm)
	return err
}

// Close releases the table's lock and file descriptors. The table itself stays.
func (t *Table) Close() error {
	var errs []error
	if t.xfrm != nil {
		errs = append(errs, t.xfrm.Close())
	}
	if t.ids != nil {
		errs = append(errs, t.ids.Close())
	}
	if t.sas != nil {
		errs = append(errs, t.sas.Close())
	}
	if t.counts != nil {
		errs = append(errs, t.counts.Close())
	}
	if t.meta != nil {
		errs = append(errs, t.meta.Close())
	}
	if t.relay != nil {
		errs = append(errs, t.relay.Close())
	}
	if t.gen != nil {
		errs = append(errs, t.gen.Close())
	}
	if t.lookup != nil {
		errs = append(errs, t.lookup.Close())
	}
	for _, m := range t.maps {
		errs = append(errs, m.Close())
	}
	return errors.Join(append(errs, t.dir.Close())...)
}

// Dir returns the table's pin directory, which is locked while the table is open.
func (t *Table) Dir() *loader.Dir { return t.dir }

// Map returns one of the table's pinned maps by its name in bpf/maps.h, or nil. The table owns it.
func (t *Table) Map(name string) *ebpf.Map { return t.maps[name] }

// Replacements returns the maps that bpf programs of this table share, by name.
func (t *Table) Replacements() map[string]*ebpf.Map {
	shared := make(map[string]*ebpf.Map)
	for name, m := range t.maps {
		if !slices.Contains(userNames, name) {
			shared[name] = m
		}
	}
	return shared
}

// XFRM returns the handle through which the table installs SAs, or nil if the table was opened for reading or
// the kernel has no XFRM.
func (t *Table) XFRM() *xfrm.Handle {
	h, _ := t.xfrm.(*xfrm.Handle)
	return h
}

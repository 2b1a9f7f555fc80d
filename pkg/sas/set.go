// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Maps that programs read: the slots, and the members of groups.
const (
	slotsName   = "eroute_sas"
	membersName = "eroute_members"
)

// Maps that only user space reads: the slots in use, the blocks of members in use, and the SAs that have eroutes.
const (
	BitmapName  = "eroute_sa_slots"
	BlocksName  = "eroute_member_blocks"
	EntriesName = "eroute_said"
)

// Descriptions of these maps.
var (
	BitmapSpec  = pinned.BitmapSpec(BitmapName, uint32(bpf.ABILimitsEROUTE_MAX_SAS))
	BlocksSpec  = pinned.BitmapSpec(BlocksName, uint32(bpf.ABILimitsMEMBERS)/block)
	EntriesSpec = &ebpf.MapSpec{
		Name: EntriesName, Type: ebpf.Hash, Flags: unix.BPF_F_NO_PREALLOC,
		KeySize: abi.SAIDKeySize, ValueSize: abi.SAIDValueSize, MaxEntries: uint32(bpf.ABILimitsEROUTE_MAX_SAS),
	}
)

// Set is the SAs of a table. Not for concurrent use.
type Set struct {
	slots     *ebpf.Map
	members   *ebpf.Map
	entries   *ebpf.Map
	uncounted *pinned.Shortage // set if there is no memory for a lower number of eroutes

	// Only if opened for changes.
	used   *pinned.Bitmap // slots in use
	blocks *pinned.Bitmap // blocks of members in use
	xfrm   XFRM           // nil also if the kernel has no XFRM
}

// New returns the SAs of a table for reading. maps are the table's maps, by name.
func New(maps map[string]*ebpf.Map, uncounted *pinned.Shortage) *Set {
	return &Set{slots: maps[slotsName], members: maps[membersName], entries: maps[EntriesName], uncounted: uncounted}
}

// Open returns the SAs of a table for changes. x installs them; nil: the kernel has no XFRM.
func Open(maps map[string]*ebpf.Map, uncounted *pinned.Shortage, x XFRM) (s *Set, err error) {
	s = New(maps, uncounted)
	s.xfrm = x
	if s.used, err = pinned.OpenBitmap(maps[BitmapName]); err != nil {
		return s, err
	}
	s.blocks, err = pinned.OpenBitmap(maps[BlocksName])
	return s, err
}

// Close releases the bitmaps, neither the maps nor XFRM.
func (set *Set) Close() (err error) {
	for _, b := range []*pinned.Bitmap{set.used, set.blocks} {
		if b != nil {
			err = errors.Join(err, b.Close())
		}
	}
	return err
}

func ifID(slot uint32) uint32 { return uint32(bpf.ABILimitsIF_ID_BASE) + slot }

// newSA returns the value of the slot of an SA that packets cannot use yet.
func newSA(slot uint32, said eroute.SAID) bpf.ABISa {
	return bpf.ABISa{
		Spi: said.SPI, Proto: said.Proto, Family: uint8(eroute.FamilyOf(said.Dst)), Edst: abi.AddrBytes(said.Dst),
		Use: uint8(bpf.ABISaUseSA_ABSENT), IfId: ifID(slot), Comp: uint16(said.Inner.Comp), Esp: said.Inner.ESP,
	}
}

// write writes a slot.
func (set *Set) write(slot uint32, sa bpf.ABISa) error {
	if err := set.slots.Put(slot, sa); err != nil {
		return fmt.Errorf("write SA: %w", err)
	}
	return nil
}

// Read reads a slot.
func (set *Set) Read(slot uint32) (sa bpf.ABISa, err error) {
	if err := set.slots.Lookup(slot, &sa); err != nil {
		return sa, fmt.Errorf("read SA: %w", err)
	}
	return sa, nil
}

// IsUsable reports whether packets can use the SA of a slot.
func IsUsable(sa *bpf.ABISa) bool { return sa.Use != uint8(bpf.ABISaUseSA_ABSENT) }

// saidOf returns the SAID of the slot of an SA.
func saidOf(sa *bpf.ABISa) eroute.SAID {
	return eroute.SAID{
		Proto: sa.Proto, SPI: sa.Spi, Dst: abi.BytesAddr(eroute.Family(sa.Family), sa.Edst),
		Inner: eroute.Inner{Comp: uint32(sa.Comp), ESP: sa.Esp},
	}
}

// Families returns the inner families of an SA's eroutes.
func Families(v abi.SAIDValue) (f xfrm.Families) {
	if v.Refs4 > 0 {
		f |= xfrm.IPv4
	}
	if v.Refs6 > 0 {
		f |= xfrm.IPv6
	}
	return f
}

func (set *Set) entry(key abi.SAIDKey) (v abi.SAIDValue, found bool, err error) {
	err = set.entries.Lookup(key, &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return v, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("look SA up: %w", err)
	}
	return v, true, nil
}

func (set *Set) putEntry(key abi.SAIDKey, v abi.SAIDValue) error {
	if err := set.entries.Put(key, v); err != nil {
		return fmt.Errorf("write SA: %w", err)
	}
	return nil
}

// Named reads all SAs that have eroutes, also those that are members of a group. It leaves groups out.
func (set *Set) Named() (map[abi.SAIDKey]abi.SAIDValue, error) {
	all, err := set.all()
	for key, v := range all {
		if key.IsGroup() || Families(v) == 0 {
			delete(all, key)
		}
	}
	return all, err
}

// all reads all SAs and groups that have eroutes, and SAs that stay because another SA borrows their if_id.
func (set *Set) all() (map[abi.SAIDKey]abi.SAIDValue, error) {
	type pair struct {
		key   abi.SAIDKey
		value abi.SAIDValue
	}
	pairs, err := pinned.ReadAll(set.entries, func(k *abi.SAIDKey, v *abi.SAIDValue) pair { return pair{*k, *v} })
	if err != nil {
		return nil, fmt.Errorf("list SAs: %w", err)
	}
	all := make(map[abi.SAIDKey]abi.SAIDValue, len(pairs))
	for _, p := range pairs {
		all[p.key] = p.value
	}
	return all, nil
}

// IsReady reports whether packets of an SA are passed to XFRM: the state existed when XFRM was last read, has not
// been deleted since, and has sequence numbers left. A group is ready if each packet has an SA that is ready, and not
// set aside: one for its CPU, or for any.
func (set *Set) IsReady(said eroute.SAID) (bool, error) {
	var members []bpf.ABISa
	for _, name := range said.SAs() {
		sa, err := set.slotOf(name)
		if err != nil {
			return false, err
		}
		if !said.IsGroup() {
			return passes(&sa), nil
		}
		members = append(members, sa)
	}
	return allReady(members, said.Spread(), xfrm.OnlineCPUs)
}

// slotOf reads the slot of an SA; zero if no eroute names it.
func (set *Set) slotOf(said eroute.SAID) (sa bpf.ABISa, err error) {
	v, found, err := set.entry(abi.NewSAIDKey(said))
	if err != nil || !found {
		return sa, err
	}
	return set.Read(v.Slot)
}

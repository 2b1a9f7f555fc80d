// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// acquireValue holds the acquire parameters of a trap, if they differ from eroute.DefaultAcquire.
type acquireValue struct {
	Mode   eroute.Mode
	Proto  uint8
	Family eroute.Family // of the peer; 0: none
	Pad    uint8
	ReqID  uint32
	Peer   [16]byte
}

const (
	acquireKeySize   = uint32(unsafe.Sizeof(bpf.ABIFlowKey{}))
	acquireValueSize = uint32(unsafe.Sizeof(acquireValue{}))
)

// putAcquire writes the acquire parameters of a trap. They are written before the trap and deleted after it.
func (t *Table) putAcquire(s eroute.Selector, a eroute.AcquireParams) error {
	key := abi.NewFlowKey(s, 0)
	if a == (eroute.AcquireParams{}) || a == eroute.DefaultAcquire {
		return t.deleteAcquire(key)
	}
	v := acquireValue{Mode: a.Mode, Proto: a.Proto, ReqID: a.ReqID}
	if a.Peer.IsValid() {
		v.Family, v.Peer = eroute.FamilyOf(a.Peer), abi.AddrBytes(a.Peer)
	}
	err := t.maps[acquireName].Put(key, v)
	if errors.Is(err, unix.E2BIG) {
		return fmt.Errorf("too many traps with an --acquire option: the most is %d", maxAcquire)
	}
	if err != nil {
		return fmt.Errorf("write ACQUIRE parameters: %w", err)
	}
	return nil
}

func (t *Table) deleteAcquire(key bpf.ABIFlowKey) error {
	if err := t.maps[acquireName].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete ACQUIRE parameters: %w", err)
	}
	return nil
}

// AcquireParams returns the acquire parameters of the trap with this selector.
func (t *Table) AcquireParams(s eroute.Selector) (eroute.AcquireParams, error) {
	var v acquireValue
	err := t.maps[acquireName].Lookup(abi.NewFlowKey(s, 0), &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return eroute.DefaultAcquire, nil
	}
	if err != nil {
		return eroute.AcquireParams{}, fmt.Errorf("read ACQUIRE parameters: %w", err)
	}
	a := eroute.AcquireParams{Mode: v.Mode, Proto: v.Proto, ReqID: v.ReqID}
	if v.Family != 0 {
		a.Peer = abi.BytesAddr(v.Family, v.Peer)
	}
	return a, nil
}

// deleteStaleAcquire deletes the acquire parameters of traps that no longer exist.
func (t *Table) deleteStaleAcquire(entries []abi.Entry) error {
	traps, slots := make(map[eroute.Selector]bool), t.sas.Reader()
	for _, e := range entries {
		trap, err := slots.Traps(&e.Value)
		if err != nil {
			return err
		}
		traps[e.Selector] = trap
	}
	keys, err := pinned.ReadAll(t.maps[acquireName], func(k *bpf.ABIFlowKey, _ *acquireValue) bpf.ABIFlowKey { return *k })
	if err != nil {
		return err
	}
	var errs pinned.ErrorList
	for _, key := range keys {
		if !traps[abi.FlowSelector(&key)] {
			errs.Add(t.deleteAcquire(key))
		}
	}
	return errs.Err()
}

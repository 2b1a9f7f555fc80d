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

// askValue is how a trap asks, if not as eroute.DefaultAsk.
type askValue struct {
	Mode   eroute.Mode
	Proto  uint8
	Family eroute.Family // of the peer; 0: none
	Pad    uint8
	ReqID  uint32
	Peer   [16]byte
}

const (
	askKeySize   = uint32(unsafe.Sizeof(bpf.ABIFlowKey{}))
	askValueSize = uint32(unsafe.Sizeof(askValue{}))
)

// putAsk keeps how a trap asks. It is written before the trap, and stays a little
// longer.
func (t *Table) putAsk(s eroute.Selector, a eroute.Ask) error {
	key := abi.NewFlowKey(s, 0)
	if a == (eroute.Ask{}) || a == eroute.DefaultAsk {
		return t.deleteAsk(key)
	}
	v := askValue{Mode: a.Mode, Proto: a.Proto, ReqID: a.ReqID}
	if a.Peer.IsValid() {
		v.Family, v.Peer = eroute.FamilyOf(a.Peer), abi.AddrBytes(a.Peer)
	}
	err := t.maps[asksName].Put(key, v)
	if errors.Is(err, unix.E2BIG) {
		return fmt.Errorf("too many traps with an --acquire option: the most is %d", maxAsks)
	}
	if err != nil {
		return fmt.Errorf("write how the trap asks: %w", err)
	}
	return nil
}

func (t *Table) deleteAsk(key bpf.ABIFlowKey) error {
	if err := t.maps[asksName].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete how the trap asks: %w", err)
	}
	return nil
}

// Ask returns how the trap with this selector asks.
func (t *Table) Ask(s eroute.Selector) (eroute.Ask, error) {
	var v askValue
	err := t.maps[asksName].Lookup(abi.NewFlowKey(s, 0), &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return eroute.DefaultAsk, nil
	}
	if err != nil {
		return eroute.Ask{}, fmt.Errorf("read how the trap asks: %w", err)
	}
	a := eroute.Ask{Mode: v.Mode, Proto: v.Proto, ReqID: v.ReqID}
	if v.Family != 0 {
		a.Peer = abi.BytesAddr(v.Family, v.Peer)
	}
	return a, nil
}

// dropAsks deletes those of traps that are not there.
func (t *Table) dropAsks(entries []abi.Entry) error {
	traps := make(map[eroute.Selector]bool)
	for _, e := range entries {
		traps[e.Selector] = abi.ActionOf(&e.Value).IsTrap()
	}
	keys, err := pinned.ReadAll(t.maps[asksName], func(k *bpf.ABIFlowKey, _ *askValue) bpf.ABIFlowKey { return *k })
	if err != nil {
		return err
	}
	var errs errorList
	for _, key := range keys {
		if !traps[abi.FlowSelector(&key)] {
			errs.add(t.deleteAsk(key))
		}
	}
	return errs.err()
}

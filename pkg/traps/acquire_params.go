// SPDX-License-Identifier: Apache-2.0

package traps

import (
	"errors"
	"fmt"

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
	Spread eroute.Spread
	ReqID  uint32
	Peer   [16]byte
}

// Put writes the acquire parameters of a trap. They are written before the trap and deleted after it.
func (p *Set) Put(s eroute.Selector, a eroute.AcquireParams) error {
	if a == (eroute.AcquireParams{}) || a == eroute.DefaultAcquire {
		return p.Delete(s)
	}
	v := acquireValue{Mode: a.Mode, Proto: a.Proto, Spread: a.Spread, ReqID: a.ReqID}
	if a.Peer.IsValid() {
		v.Family, v.Peer = eroute.FamilyOf(a.Peer), abi.AddrBytes(a.Peer)
	}
	err := p.m.Put(abi.NewFlowKey(s, 0), v)
	if errors.Is(err, unix.E2BIG) {
		return fmt.Errorf("too many traps with an --acquire option: the most is %d", maxAcquire)
	}
	if err != nil {
		return fmt.Errorf("write ACQUIRE parameters: %w", err)
	}
	return nil
}

// Delete deletes the acquire parameters of a trap. Idempotent.
func (p *Set) Delete(s eroute.Selector) error { return p.delete(abi.NewFlowKey(s, 0)) }

func (p *Set) delete(key bpf.ABIFlowKey) error {
	if err := p.m.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete ACQUIRE parameters: %w", err)
	}
	return nil
}

// Read returns the acquire parameters of the trap with this selector.
func (p *Set) Read(s eroute.Selector) (eroute.AcquireParams, error) {
	var v acquireValue
	err := p.m.Lookup(abi.NewFlowKey(s, 0), &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return eroute.DefaultAcquire, nil
	}
	if err != nil {
		return eroute.AcquireParams{}, fmt.Errorf("read ACQUIRE parameters: %w", err)
	}
	a := eroute.AcquireParams{Mode: v.Mode, Proto: v.Proto, Spread: v.Spread, ReqID: v.ReqID}
	if v.Family != 0 {
		a.Peer = abi.BytesAddr(v.Family, v.Peer)
	}
	return a, nil
}

// DeleteOthers deletes the acquire parameters of all traps except those that keep accepts.
func (p *Set) DeleteOthers(keep func(eroute.Selector) bool) error {
	keys, err := pinned.ReadAll(p.m, func(k *bpf.ABIFlowKey, _ *acquireValue) bpf.ABIFlowKey { return *k })
	if err != nil {
		return err
	}
	var errs pinned.ErrorList
	for _, key := range keys {
		if !keep(abi.FlowSelector(&key)) {
			errs.Add(p.delete(key))
		}
	}
	return errs.Err()
}

// SPDX-License-Identifier: Apache-2.0

package interfaces

import (
	"errors"
	"fmt"
	"iter"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

const (
	ingressName = "eroute_ingress" // the interface of a frame, by port and VLAN tags
	portsName   = "eroute_ports"   // the same for untagged frames, by port
)

// PutIngress writes, for the programs, the interface that a frame belongs to.
func (s *Set) PutIngress(key bpf.ABIIngressKey, v bpf.ABIIngress) error {
	v.Seal = abi.SecretsOf(s.meta.Value).IngressSeal(&key, &v)
	if err := s.maps[ingressName].Put(key, v); err != nil {
		return fmt.Errorf("write ingress interface: %w", err)
	}
	return nil
}

// DeleteIngress deletes the interface that a frame belongs to, if there is one.
func (s *Set) DeleteIngress(key bpf.ABIIngressKey) error {
	if err := s.maps[ingressName].Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete ingress interface: %w", err)
	}
	return nil
}

// Ingress yields the interfaces that frames belong to, without seals. The error is that of reading the list.
func (s *Set) Ingress() (iter.Seq2[bpf.ABIIngressKey, bpf.ABIIngress], error) {
	type frame struct {
		key   bpf.ABIIngressKey
		value bpf.ABIIngress
	}
	all, err := pinned.ReadAll(s.maps[ingressName], func(key *bpf.ABIIngressKey, v *bpf.ABIIngress) frame {
		f := frame{*key, *v}
		f.value.Seal = 0
		return f
	})
	return func(yield func(bpf.ABIIngressKey, bpf.ABIIngress) bool) {
		for _, f := range all {
			if !yield(f.key, f.value) {
				return
			}
		}
	}, err
}

// PutPort writes the array entry by which programs find the interface of an untagged frame without a hash lookup.
// Ports beyond the array have none.
func (s *Set) PutPort(port uint32, v bpf.ABIIngress) error {
	if port >= uint32(bpf.ABILimitsINGRESS_PORTS) {
		return nil
	}
	if err := s.maps[portsName].Put(port, v); err != nil {
		return fmt.Errorf("write ingress port: %w", err)
	}
	return nil
}

// DeletePort clears the array entry of a port.
func (s *Set) DeletePort(port uint32) error { return s.PutPort(port, bpf.ABIIngress{}) }

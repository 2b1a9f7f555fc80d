// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// EachEntry calls f with every eroute of both families, in no order, until it returns false or an error.
func (g *Generation) EachEntry(f func(abi.Entry) (more bool, err error)) error {
	more, err := pinned.Each(g.entry4, func(k *bpf.ABIErouteKey4, v *bpf.ABIErouteValue) (bool, error) {
		return f(abi.Entry{Selector: abi.Selector4(k), Value: *v})
	})
	if err != nil || !more {
		return err
	}
	_, err = pinned.Each(g.entry6, func(k *bpf.ABIErouteKey6, v *bpf.ABIErouteValue) (bool, error) {
		return f(abi.Entry{Selector: abi.Selector6(k), Value: *v})
	})
	return err
}

// Entries reads the eroutes of both families.
func (g *Generation) Entries() ([]abi.Entry, error) {
	v4, err := g.Family(eroute.Inet)
	if err != nil {
		return nil, err
	}
	v6, err := g.Family(eroute.Inet6)
	return append(v4, v6...), err
}

// Family reads the eroutes of one family.
func (g *Generation) Family(f eroute.Family) ([]abi.Entry, error) {
	if f == eroute.Inet {
		return pinned.ReadAll(g.entry4, func(k *bpf.ABIErouteKey4, v *bpf.ABIErouteValue) abi.Entry {
			return abi.Entry{Selector: abi.Selector4(k), Value: *v}
		})
	}
	return pinned.ReadAll(g.entry6, func(k *bpf.ABIErouteKey6, v *bpf.ABIErouteValue) abi.Entry {
		return abi.Entry{Selector: abi.Selector6(k), Value: *v}
	})
}

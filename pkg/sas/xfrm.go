// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// XFRM is the part of XFRM that a table uses: *xfrm.Handle, or a model in tests.
type XFRM interface {
	Find(eroute.SAID) (xfrm.State, error)
	State(eroute.SAID) (xfrm.State, error)
	States() (xfrm.States, error)
	CountStates() (int, error)
	Bound() (map[uint32]xfrm.Binding, error)
	BindState(s xfrm.State, ifID uint32, inner xfrm.Families) (prev uint32, err error)
	Unbind(said eroute.SAID, ifID, prev uint32) error
	AllowDevice(ifindex int) error
	Policies() ([]xfrm.Policy, error)
	Close() error
}

// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// sadb is the part of XFRM that the table uses: *xfrm.Handle, or a model in tests.
type sadb interface {
	Find(eroute.SAID) (xfrm.State, error)
	State(eroute.SAID) (xfrm.State, error)
	States() (xfrm.States, error)
	CountStates() (int, error)
	Bound() (map[uint32]xfrm.Binding, error)
	BindState(s xfrm.State, ifID uint32, inner xfrm.Families) (prev uint32, err error)
	Unbind(said eroute.SAID, ifID, prev uint32) error
	AllowDevice(ifindex int) error
	Close() error
}

// openSADB connects to XFRM in the calling thread's network namespace. Returns nil if the kernel has no XFRM.
var openSADB = func() (sadb, error) {
	h, err := xfrm.Open()
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

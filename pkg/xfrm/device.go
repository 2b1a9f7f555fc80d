// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// AllowDevice lets packets that are routed into an ipsec device reach it. It installs two policies, "dir out
// dev DEV priority 1" for IPv4 and IPv6, without templates. Without them, policies that key managers install
// without an if_id would match first. It is idempotent. It returns ErrForeignPolicy if another policy for all
// packets of this device exists.
//
// The policies do not take precedence over policies of priority 0, nor apply to local IPv6 packets, which are
// matched against policies before they are routed.
func (h *Handle) AllowDevice(ifindex int) error {
	for _, family := range each {
		want := allow(ifindex, family)
		err := h.change(want.message(nl.XFRM_MSG_NEWPOLICY))
		if errors.Is(err, unix.EEXIST) {
			err = h.checkAllow(want)
		}
		if err != nil {
			return fmt.Errorf("allow device %d: install %s policy: %w", ifindex, family, err)
		}
	}
	return nil
}

// DisallowDevice removes the policies of [Handle.AllowDevice]; other policies stay. It is idempotent; the
// device may be gone.
func (h *Handle) DisallowDevice(ifindex int) error {
	for _, family := range each {
		want := allow(ifindex, family)
		have, there, err := h.getPolicy(want.policyID)
		if err == nil && there && have == want {
			err = h.deletePolicy(want.policyID)
		}
		if err != nil {
			return fmt.Errorf("disallow device %d: %w", ifindex, err)
		}
	}
	return nil
}

// IsAllowed reports whether the policies of [Handle.AllowDevice] exist.
func (h *Handle) IsAllowed(ifindex int) (bool, error) {
	for _, family := range each {
		want := allow(ifindex, family)
		have, there, err := h.getPolicy(want.policyID)
		if err != nil || !there || have != want {
			return false, err
		}
	}
	return true, nil
}

// allow returns the policy that allows a family's packets to a device.
func allow(ifindex int, family Families) policy {
	return policy{
		policyID: policyID{family: family, ifindex: int32(ifindex)},
		priority: policyPriority,
		action:   actionAllow,
	}
}

// checkAllow returns ErrForeignPolicy if the policy with the identity of want differs from it.
func (h *Handle) checkAllow(want policy) error {
	have, there, err := h.getPolicy(want.policyID)
	if err == nil && !(there && have == want) {
		err = ErrForeignPolicy
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// AllowDevice lets packets routed into an ipsec device reach it: two policies,
// "dir out dev DEV priority 1" for IPv4 and IPv6, without templates. Else the
// policies that key managers install without an if_id would act on them first.
// Idempotent. Returns ErrForeignPolicy if there is a policy for all packets of
// this device that is not like ours.
//
// They do not help against policies of better priority (0), nor for packets of
// IPv6 that the gateway itself sends: those are looked up before they are routed.
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

// DisallowDevice removes what [Handle.AllowDevice] made; a policy that is not like
// ours stays. Idempotent; the device may be gone.
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

// IsAllowed tells whether the policies of [Handle.AllowDevice] are there.
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

// allow returns the policy that passes a family's packets to a device.
func allow(ifindex int, family Families) policy {
	return policy{
		policyID: policyID{family: family, ifindex: int32(ifindex)},
		priority: policyPriority,
		action:   actionAllow,
	}
}

// checkAllow returns ErrForeignPolicy if the policy in the place of want differs.
func (h *Handle) checkAllow(want policy) error {
	have, there, err := h.getPolicy(want.policyID)
	if err == nil && !(there && have == want) {
		err = ErrForeignPolicy
	}
	return err
}

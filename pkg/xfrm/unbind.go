// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Unbind removes our policies of ifID and, if prev is not 0, restores the previous if_id of the state that has
// ifID, or of all of a bundle; a state that is gone, or has been given another if_id since, is unchanged. With prev 0
// the state keeps ifID: the kernel cannot remove an if_id from a live state. Unbind is idempotent. It returns
// ErrForeignIfID if ifID is not one of ours.
func (h *Handle) Unbind(said eroute.SAID, ifID, prev uint32) error {
	if err := checkIfID(ifID); err != nil {
		return err
	}
	if err := h.deletePolicies(ifID); err != nil {
		return fmt.Errorf("unbind %s: %w", said, err)
	}
	if prev == 0 {
		return nil
	}
	for _, sa := range said.Bundle() {
		m, err := h.find(sa)
		if err == nil && m.IfID == ifID {
			err = h.setIfID(m.raw, prev)
		}
		if err != nil && !errors.Is(err, ErrNoState) && !errors.Is(err, ErrUnsupported) {
			return fmt.Errorf("unbind %s: %w", sa, err)
		}
	}
	return nil
}

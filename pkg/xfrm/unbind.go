// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Unbind removes our policies of ifID and, if prev is not 0, gives the state that
// has ifID its previous if_id back; a state that is gone, or has been given
// another if_id since, is left alone. With prev 0 the state keeps ifID: the kernel
// has no way to take an if_id from a live state. Idempotent. Returns
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
	s, msg, err := h.find(said)
	if err == nil && s.IfID == ifID {
		err = h.setIfID(msg, prev)
	}
	if err != nil && !errors.Is(err, ErrNoState) && !errors.Is(err, ErrUnsupported) {
		return fmt.Errorf("unbind %s: %w", said, err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
)

// Values of linux/xfrm.h that package nl does not have.
const (
	sadFlags = 4 // bytes of flags before the attributes
	sadCount = 1 // XFRMA_SAD_CNT
)

// CountStates returns the number of states, including larval and input-only ones. The kernel does not iterate
// over the states for that.
func (h *Handle) CountStates() (int, error) {
	req := request{nl.XFRM_MSG_GETSADINFO, binary.NativeEndian.AppendUint32(nil, ^uint32(0))}
	msg, err := h.get(req, nl.XFRM_MSG_NEWSADINFO)
	if err != nil {
		return 0, fmt.Errorf("count states: %w", err)
	}
	attrs, err := parseAttributes(msg[min(sadFlags, len(msg)):])
	if err != nil {
		return 0, fmt.Errorf("count states: %w", err)
	}
	for _, a := range attrs {
		if a.kind == sadCount {
			return int(a.uint32()), nil
		}
	}
	return 0, fmt.Errorf("count states: %w", ErrMessage)
}

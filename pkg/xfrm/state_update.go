// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// setIfID sets the if_id of the state in a kernel's message. It returns ErrNoState if the state has been
// deleted since.
func (h *Handle) setIfID(msg []byte, ifID uint32) error {
	r, err := updateState(msg, ifID)
	if err != nil {
		return err
	}
	err = h.change(r)
	if errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("set if_id of state: %w", ErrNoState)
	}
	if err != nil {
		return fmt.Errorf("set if_id of state: %w", err)
	}
	return nil
}

// updateState converts a dumped state to the XFRM_MSG_UPDSA that sets its if_id and leaves everything else
// unchanged, except some attributes (see dropped).
func updateState(msg []byte, ifID uint32) (request, error) {
	attrs, err := parseAttributes(msg[nl.SizeofXfrmUsersaInfo:])
	if err != nil {
		return request{}, fmt.Errorf("parse state: %w", err)
	}
	trunc := slices.ContainsFunc(attrs, func(a attribute) bool { return a.kind == nl.XFRMA_ALG_AUTH_TRUNC })
	b := slices.Clone(msg[:nl.SizeofXfrmUsersaInfo])
	for _, a := range attrs {
		if !dropped(a.kind, trunc) {
			b = appendAttribute(b, a.kind, a.data)
		}
	}
	return request{nl.XFRM_MSG_UPDSA, appendUint32(b, nl.XFRMA_IF_ID, ifID)}, nil
}

// dropped reports whether an attribute of a dump must not be sent back.
func dropped(kind uint16, trunc bool) bool {
	switch kind {
	case nl.XFRMA_IF_ID: // replaced by ours
		return true
	case nl.XFRMA_LASTUSED, nl.XFRMA_PAD: // read-only
		return true
	case nl.XFRMA_ALG_AUTH: // the same key as in ALG_AUTH_TRUNC, without the length of the ICV
		return trunc
	case nl.XFRMA_OFFLOAD_DEV: // would put a second copy into the hardware; the live state keeps its own
		return true
	}
	return false
}

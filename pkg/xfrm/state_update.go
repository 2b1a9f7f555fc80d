// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// setIfID gives the state in a kernel's message another if_id. Returns
// ErrNoState if the state has gone meanwhile.
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

// updateState turns a dumped state into the XFRM_MSG_UPDSA that sets its if_id,
// everything else as it came, but for some attributes (see dropped).
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

// dropped tells whether an attribute of a dump must not be sent back.
func dropped(kind uint16, trunc bool) bool {
	switch kind {
	case nl.XFRMA_IF_ID: // ours takes its place
		return true
	case nl.XFRMA_LASTUSED, nl.XFRMA_PAD: // only ever reported
		return true
	case nl.XFRMA_ALG_AUTH: // the same key as in ALG_AUTH_TRUNC, without the length of the ICV
		return trunc
	case nl.XFRMA_OFFLOAD_DEV: // would put a second copy into the hardware; the live state keeps its own
		return true
	}
	return false
}

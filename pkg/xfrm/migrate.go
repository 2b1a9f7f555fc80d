// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Values of linux/xfrm.h that package nl does not have. XFRM_MSG_MIGRATE moves a policy and its states;
// XFRM_MSG_MIGRATE_STATE (Linux 7.2) moves one state. In both cases the old state is deleted without a message
// of its own, and the new one keeps SPI, keys, counters and if_id.
const (
	msgMigrateState = 41 // XFRM_MSG_MIGRATE_STATE

	// struct xfrm_user_migrate_state: id, new_daddr, new_saddr, old_mark, new_sel, new_reqid,
	// flags, new_family, reserved.
	migrateStateNewDst    = nl.SizeofXfrmUsersaId
	migrateStateNewSrc    = migrateStateNewDst + nl.SizeofXfrmAddress
	migrateStateNewFamily = migrateStateNewSrc + nl.SizeofXfrmAddress + 8 + nl.SizeofXfrmSelector + 8
	migrateStateSize      = migrateStateNewFamily + 4

	// struct xfrm_user_migrate: old_daddr, old_saddr, new_daddr, new_saddr, proto, mode,
	// reserved, reqid, old_family, new_family.
	migrateSize = 4*nl.SizeofXfrmAddress + 12
)

// parseMigrateState parses the message about one migrated state. It sets only the state's new identity and
// addresses.
func parseMigrateState(b []byte) (Change, error) {
	if len(b) < migrateStateSize {
		return Change{}, fmt.Errorf("parse migrated state of %d bytes: %w", len(b), ErrMessage)
	}
	id := nl.DeserializeXfrmUsersaId(b)
	family := binary.NativeEndian.Uint16(b[migrateStateNewFamily:])
	c := Change{Kind: StateMigrated, From: fromAddress(id.Daddr, id.Family)}
	c.State.StateKey = StateKey{id.Proto, hton32(id.Spi), fromAddress(address(b[migrateStateNewDst:]), family)}
	c.State.Src = fromAddress(address(b[migrateStateNewSrc:]), family)
	if !c.From.IsValid() || !c.State.Dst.IsValid() {
		return Change{}, fmt.Errorf("parse migrated state: families %d and %d: %w", id.Family, family, ErrMessage)
	}
	return c, nil
}

// parseMigrate parses the message about the migrated states of a policy: it contains their addresses, but not
// their SPIs. It returns a Change without a kind if the policy is not an out policy.
func parseMigrate(b []byte) (Change, error) {
	if len(b) < nl.SizeofXfrmUserpolicyId {
		return Change{}, fmt.Errorf("parse migration of %d bytes: %w", len(b), ErrMessage)
	}
	policy := nl.DeserializeXfrmUserpolicyId(b)
	attrs, err := parseAttributes(b[nl.SizeofXfrmUserpolicyId:])
	if err != nil {
		return Change{}, fmt.Errorf("parse migration: %w", err)
	}
	i := slices.IndexFunc(attrs, func(a attribute) bool { return a.kind == nl.XFRMA_MIGRATE && len(a.data) >= migrateSize })
	if i < 0 || policy.Dir != policyOut {
		return Change{}, nil
	}
	m := attrs[i].data
	at := func(n int) nl.XfrmAddress { return address(m[n*nl.SizeofXfrmAddress:]) }
	rest := m[4*nl.SizeofXfrmAddress:]
	oldFamily, newFamily := binary.NativeEndian.Uint16(rest[8:]), binary.NativeEndian.Uint16(rest[10:])
	c := Change{Kind: StateMigrated, From: fromAddress(at(0), oldFamily)}
	c.State = State{
		StateKey: StateKey{Proto: rest[0], Dst: fromAddress(at(2), newFamily)}, Src: fromAddress(at(3), newFamily),
		Mode: Mode(rest[1]), ReqID: binary.NativeEndian.Uint32(rest[4:]),
	}
	if !c.From.IsValid() || !c.State.Dst.IsValid() {
		return Change{}, fmt.Errorf("parse migration: families %d and %d: %w", oldFamily, newFamily, ErrMessage)
	}
	return c, nil
}

func address(b []byte) (a nl.XfrmAddress) {
	copy(a[:], b)
	return a
}

// complete reads the migrated states. It omits one that was deleted since, because its deletion has a message
// of its own.
func (l *Listener) complete(changes []Change) (all []Change, err error) {
	for _, c := range changes {
		if c.Kind != StateMigrated {
			all = append(all, c)
			continue
		}
		moved, err := l.handle.moved(c.State)
		if err != nil {
			return all, err
		}
		for _, s := range moved {
			c.State = s
			all = append(all, c)
		}
	}
	return all, nil
}

// moved returns the states that a migration message is about.
func (h *Handle) moved(like State) (all []State, err error) {
	add := func(msg []byte) error {
		m, err := parseState(msg)
		s := m.State
		isMeant := like.SPI != 0 || s.Proto == like.Proto && s.Src == like.Src && s.Mode == like.Mode && s.ReqID == like.ReqID
		if err == nil && isMeant {
			all = append(all, s)
		}
		return err
	}
	if like.SPI == 0 {
		err = h.dump(dumpStatesTo(like.Dst), nl.XFRM_MSG_NEWSA, add)
	} else {
		var msg []byte
		if msg, err = h.get(getState(like.StateKey), nl.XFRM_MSG_NEWSA); err == nil {
			err = add(msg)
		}
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return nil, fmt.Errorf("read migrated state: %w", err)
	}
	return all, nil
}

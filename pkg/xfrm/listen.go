// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/netlisten"
)

// ChangeKind is the kind of a change of a state.
type ChangeKind uint8

// The kinds of changes.
const (
	StateAdded   ChangeKind = 1 + iota
	StateUpdated            // by XFRM_MSG_UPDSA: its if_id, lifetimes, ports
	StateDeleted
	StateExpiring // it has reached a soft limit and should be replaced
	StateExpired  // it has reached a hard limit and was deleted
	StatesFlushed // all states of a protocol were deleted
	StateMigrated // it was replaced by one with other addresses and the same SPI, keys and counters
)

// Change is a change of a state.
type Change struct {
	Kind  ChangeKind
	State State      // for StatesFlushed only its protocol, 0 for all
	From  netip.Addr // previous destination of a migrated state
}

// ErrMissed means that changes arrived faster than they were read. The kernel does not report how many were
// dropped.
var ErrMissed = errors.New("messages of XFRM were lost")

// Listener receives changes of states. Unlike a key manager it does not subscribe to ACQUIREs: while no socket
// does, XFRM drops the packets that it would send ACQUIREs for, and so do traps.
type Listener struct {
	socket *netlisten.Socket
	handle *Handle // to read states that messages only identify
}

// Listen subscribes to states, their expiry and migration in the calling thread's network namespace. It returns
// an error that wraps EPROTONOSUPPORT if the kernel has no XFRM_USER.
func Listen() (*Listener, error) {
	handle, err := Open()
	if err != nil {
		return nil, err
	}
	socket, err := subscribe(stateGroups)
	if err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	return &Listener{socket, handle}, nil
}

// Read returns the next changes. It returns os.ErrDeadlineExceeded after this time without any, and ErrMissed
// once where some were lost.
func (l *Listener) Read(wait time.Duration) ([]Change, error) {
	b, err := l.socket.Read(wait)
	if errors.Is(err, unix.ENOBUFS) {
		return nil, ErrMissed
	}
	if err != nil {
		return nil, err
	}
	changes, err := parseChanges(b)
	if err != nil {
		return changes, err
	}
	return l.complete(changes)
}

// parseChanges parses one datagram.
func parseChanges(b []byte) ([]Change, error) {
	messages, err := syscall.ParseNetlinkMessage(b)
	if err != nil {
		return nil, fmt.Errorf("parse XFRM messages: %w", err)
	}
	var changes []Change
	for _, m := range messages {
		c, err := parseChange(m.Header.Type, m.Data)
		if err != nil {
			return changes, err
		}
		if c.Kind != 0 {
			changes = append(changes, c)
		}
	}
	return changes, nil
}

// parseChange parses one message. It returns a Change without a kind if the message is not about a state.
func parseChange(msgType uint16, b []byte) (c Change, err error) {
	switch msgType {
	case nl.XFRM_MSG_NEWSA:
		c.Kind = StateAdded
	case nl.XFRM_MSG_UPDSA:
		c.Kind = StateUpdated
	case nl.XFRM_MSG_DELSA: // struct xfrm_usersa_id, and the state as an attribute
		c.Kind = StateDeleted
		b, err = deletedState(b)
	case nl.XFRM_MSG_EXPIRE: // struct xfrm_user_expire: the state, and whether the limit is hard
		c.Kind = StateExpiring
		if len(b) < nl.SizeofXfrmUserExpire {
			return c, fmt.Errorf("parse expiry of %d bytes: %w", len(b), ErrMessage)
		}
		if b[nl.SizeofXfrmUsersaInfo] != 0 {
			c.Kind = StateExpired
		}
		b = append(b[:nl.SizeofXfrmUsersaInfo:nl.SizeofXfrmUsersaInfo], b[nl.SizeofXfrmUserExpire:]...)
	case nl.XFRM_MSG_FLUSHSA: // struct xfrm_usersa_flush
		if len(b) < 1 {
			return c, fmt.Errorf("parse flush: %w", ErrMessage)
		}
		c.Kind, c.State.Proto = StatesFlushed, b[0]
		return c, nil
	case nl.XFRM_MSG_MIGRATE:
		return parseMigrate(b)
	case msgMigrateState:
		return parseMigrateState(b)
	default:
		return Change{}, nil
	}
	if err != nil {
		return c, err
	}
	m, err := parseState(b)
	c.State = m.State
	return c, err
}

// deletedState converts the message about a deleted state to the format of a dump.
func deletedState(b []byte) ([]byte, error) {
	if len(b) < nl.SizeofXfrmUsersaId {
		return nil, fmt.Errorf("parse deleted state of %d bytes: %w", len(b), ErrMessage)
	}
	rest := b[nl.SizeofXfrmUsersaId:]
	attrs, err := parseAttributes(rest)
	if err != nil {
		return nil, fmt.Errorf("parse deleted state: %w", err)
	}
	for _, a := range attrs {
		if a.kind == nl.XFRMA_SA {
			return append(append([]byte(nil), a.data...), rest...), nil
		}
	}
	return nil, fmt.Errorf("parse deleted state: none is in it: %w", ErrMessage)
}

// Close ends the subscription.
func (l *Listener) Close() error { return errors.Join(l.socket.Close(), l.handle.Close()) }

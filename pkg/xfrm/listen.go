// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
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
	fd     int
	handle *Handle // to read states that messages only identify
}

// Listen subscribes to states, their expiry and migration in the calling thread's network namespace. It returns
// an error that wraps EPROTONOSUPPORT if the kernel has no XFRM_USER.
func Listen() (*Listener, error) {
	handle, err := Open()
	if err != nil {
		return nil, err
	}
	fd, err := subscribe(1<<(nl.XFRMNLGRP_SA-1) | 1<<(nl.XFRMNLGRP_EXPIRE-1) | 1<<(nl.XFRMNLGRP_MIGRATE-1))
	if err != nil {
		return nil, errors.Join(err, handle.Close())
	}
	return &Listener{fd, handle}, nil
}

// subscribe opens a socket that receives messages of XFRM's multicast groups.
func subscribe(groups uint32) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_XFRM)
	if err != nil {
		return -1, fmt.Errorf("open XFRM socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return -1, errors.Join(fmt.Errorf("subscribe to XFRM: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// Read returns the next changes. It returns os.ErrDeadlineExceeded after this time without any, and ErrMissed
// once where some were lost.
func (l *Listener) Read(wait time.Duration) ([]Change, error) {
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	if err := unix.SetsockoptTimeval(l.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return nil, fmt.Errorf("set deadline of XFRM socket: %w", err)
	}
	buf := make([]byte, 65536)
	n, from, err := unix.Recvfrom(l.fd, buf, 0)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil, os.ErrDeadlineExceeded
	case errors.Is(err, unix.ENOBUFS):
		return nil, ErrMissed
	case err != nil:
		return nil, fmt.Errorf("read from XFRM socket: %w", err)
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 { // not the kernel
		return nil, os.ErrDeadlineExceeded
	}
	changes, err := parseChanges(buf[:n])
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
	if err == nil {
		c.State, err = parseState(b)
	}
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
func (l *Listener) Close() error { return errors.Join(unix.Close(l.fd), l.handle.Close()) }

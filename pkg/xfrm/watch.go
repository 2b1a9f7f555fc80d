// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Watcher reports that states or policies of its network namespace have changed or migrated. [Handle.States]
// returns the new states.
type Watcher struct{ fd int }

// Watch subscribes to states, their expiry and migration, and policies in the calling thread's network
// namespace. It returns an error that wraps EPROTONOSUPPORT if the kernel has no XFRM_USER.
func Watch() (*Watcher, error) {
	fd, err := subscribe(1<<(nl.XFRMNLGRP_SA-1) | 1<<(nl.XFRMNLGRP_EXPIRE-1) | 1<<(nl.XFRMNLGRP_POLICY-1) |
		1<<(nl.XFRMNLGRP_MIGRATE-1))
	if err != nil {
		return nil, err
	}
	return &Watcher{fd}, nil
}

// Listeners returns the number of sockets in the calling thread's network namespace that receive ACQUIREs. The
// kernel does not notify when there is none.
func Listeners() (n int, err error) {
	table, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		return 0, fmt.Errorf("look for key managers: %w", err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line) // sk, Eth (the protocol), Pid, Groups ...
		if len(fields) < 4 || fields[1] != strconv.Itoa(unix.NETLINK_XFRM) {
			continue
		}
		groups, err := strconv.ParseUint(fields[3], 16, 32)
		if err == nil && groups&(1<<(nl.XFRMNLGRP_ACQUIRE-1)) != 0 {
			n++
		}
	}
	return n, nil
}

// Wait returns when something has changed, or os.ErrDeadlineExceeded after this time. Lost messages count as a
// change.
func (w *Watcher) Wait(wait time.Duration) error {
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	if err := unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("set deadline of XFRM socket: %w", err)
	}
	buf := make([]byte, 65536)
	for flags := 0; ; flags = unix.MSG_DONTWAIT { // wait for one, then drain the rest
		_, _, err := unix.Recvfrom(w.fd, buf, flags)
		switch {
		case err == nil, errors.Is(err, unix.ENOBUFS):
		case errors.Is(err, unix.EINTR) && flags == 0:
			return os.ErrDeadlineExceeded
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) && flags != 0:
			return nil
		case errors.Is(err, unix.EAGAIN):
			return os.ErrDeadlineExceeded
		default:
			return fmt.Errorf("read from XFRM socket: %w", err)
		}
	}
}

// Close ends the subscription.
func (w *Watcher) Close() error { return unix.Close(w.fd) }

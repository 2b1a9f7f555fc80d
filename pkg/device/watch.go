// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Watcher reports that interfaces, addresses, routes or rules of its network namespace have changed.
// [NeedsFollow] determines whether the changes matter.
type Watcher struct{ fd int }

// watched are the rtnetlink(7) groups that a [Watcher] joins.
const watched = 1<<(unix.RTNLGRP_LINK-1) |
	1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) |
	1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1)

// Watch subscribes to changes in the calling thread's network namespace.
func Watch() (*Watcher, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open routing socket: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: watched}); err != nil {
		return nil, errors.Join(fmt.Errorf("subscribe to changes of interfaces: %w", err), unix.Close(fd))
	}
	return &Watcher{fd}, nil
}

// Wait returns when something has changed, or os.ErrDeadlineExceeded after this time. Lost messages count as a
// change.
func (w *Watcher) Wait(wait time.Duration) error {
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	if err := unix.SetsockoptTimeval(w.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("set deadline of routing socket: %w", err)
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
			return fmt.Errorf("read from routing socket: %w", err)
		}
	}
}

// Close ends the subscription.
func (w *Watcher) Close() error { return unix.Close(w.fd) }

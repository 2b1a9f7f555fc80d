// SPDX-License-Identifier: Apache-2.0

// Package netlisten receives the messages of netlink multicast groups.
package netlisten

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxMessage is the size of the buffer for one datagram in bytes.
const maxMessage = 65536

// Socket is subscribed to multicast groups in one network namespace. One goroutine may use it at a time.
type Socket struct {
	fd   int
	name string
}

// Open subscribes to groups of a netlink protocol in the calling thread's network namespace. Group n of the
// protocol is bit n-1 of groups. Errors contain name.
func Open(name string, protocol int, groups uint32) (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open %s socket: %w", name, err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return nil, errors.Join(fmt.Errorf("subscribe to %s: %w", name, err), unix.Close(fd))
	}
	return &Socket{fd, name}, nil
}

// Read returns the next datagram of the kernel. It returns os.ErrDeadlineExceeded after this time without one,
// and an error that wraps ENOBUFS once where some were lost.
func (s *Socket) Read(wait time.Duration) ([]byte, error) {
	if err := s.setDeadline(wait); err != nil {
		return nil, err
	}
	buf := make([]byte, maxMessage)
	n, from, err := unix.Recvfrom(s.fd, buf, 0)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return nil, os.ErrDeadlineExceeded
	case err != nil:
		return nil, fmt.Errorf("read from %s socket: %w", s.name, err)
	}
	if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 { // not the kernel
		return nil, os.ErrDeadlineExceeded
	}
	return buf[:n], nil
}

// Wait returns when messages have arrived, or os.ErrDeadlineExceeded after this time. It passes their types to seen, if
// that is not nil; 0 stands for messages that were lost.
func (s *Socket) Wait(wait time.Duration, seen func(kind uint16)) error {
	if err := s.setDeadline(wait); err != nil {
		return err
	}
	buf := make([]byte, maxMessage)
	for flags := 0; ; flags = unix.MSG_DONTWAIT { // wait for one, then drain the rest
		n, _, err := unix.Recvfrom(s.fd, buf, flags)
		switch {
		case err == nil:
			report(buf[:n], seen)
		case errors.Is(err, unix.ENOBUFS):
			report(nil, seen)
		case errors.Is(err, unix.EINTR) && flags == 0:
			return os.ErrDeadlineExceeded
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN) && flags != 0:
			return nil
		case errors.Is(err, unix.EAGAIN):
			return os.ErrDeadlineExceeded
		default:
			return fmt.Errorf("read from %s socket: %w", s.name, err)
		}
	}
}

// report passes the types of a datagram's messages to seen; 0 if it has none.
func report(datagram []byte, seen func(kind uint16)) {
	if seen == nil {
		return
	}
	messages, err := syscall.ParseNetlinkMessage(datagram)
	if err != nil || len(messages) == 0 {
		seen(0)
	}
	for _, m := range messages {
		seen(m.Header.Type)
	}
}

func (s *Socket) setDeadline(wait time.Duration) error {
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return fmt.Errorf("set deadline of %s socket: %w", s.name, err)
	}
	return nil
}

// Close ends the subscription.
func (s *Socket) Close() error { return unix.Close(s.fd) }

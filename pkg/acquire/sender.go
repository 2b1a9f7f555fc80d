// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/ifname"
)

// outlet sends stored packets: a *sender.
type outlet interface {
	send(packet) error
	close() error
}

// sender sends stored packets out of the ipsec device at which they were held, where they are matched against
// the table again. The packets keep their header, source address and TTL.
type sender struct {
	sockets map[senderKey]int
}

type senderKey struct {
	device int
	family int
}

func newSender() *sender { return &sender{make(map[senderKey]int)} }

// send sends a packet. A socket that fails is closed and not used again, because a device that was recreated
// has another ifindex.
func (s *sender) send(p packet) error {
	shown, err := eroute.ParsePacket(p.bytes)
	if err != nil {
		return fmt.Errorf("send held packet on: %w", err)
	}
	family := unix.AF_INET
	if shown.Dst.Is6() {
		family = unix.AF_INET6
	}
	finishChecksum(p.bytes)
	key := senderKey{p.device, family}
	fd, err := s.socket(key)
	if err != nil {
		return err
	}
	err = unix.Sendto(fd, p.bytes, unix.MSG_DONTWAIT, destination(shown.Dst))
	// ENOBUFS means that the table dropped the packet again, which is no error.
	if err != nil && !errors.Is(err, unix.ENOBUFS) {
		delete(s.sockets, key)
		return errors.Join(fmt.Errorf("send held packet on: %w", err), unix.Close(fd))
	}
	return nil
}

func (s *sender) socket(key senderKey) (int, error) {
	if fd, ok := s.sockets[key]; ok {
		return fd, nil
	}
	device, err := ifname.Lookup(key.device)
	if err != nil {
		return 0, fmt.Errorf("send held packet on: %w", err)
	}
	// IPPROTO_RAW: the header is included (raw(7)), for IPv6 as well (net/ipv6/raw.c).
	fd, err := unix.Socket(key.family, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_RAW)
	if err != nil {
		return 0, fmt.Errorf("open raw socket: %w", err)
	}
	if err := unix.BindToDevice(fd, device); err != nil {
		return 0, errors.Join(fmt.Errorf("bind raw socket to %s: %w", device, err), unix.Close(fd))
	}
	s.sockets[key] = fd
	return fd, nil
}

// destination returns the packet's destination, which only routing uses.
func destination(a netip.Addr) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Addr: a.As16()}
}

func (s *sender) close() error {
	var errs []error
	for _, fd := range s.sockets {
		errs = append(errs, unix.Close(fd))
	}
	return errors.Join(errs...)
}

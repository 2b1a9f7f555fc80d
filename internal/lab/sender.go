// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Nobody is an unprivileged user.
const Nobody = 65534

// Sender describes a sending socket.
type Sender struct {
	Node        *Node
	Owner       int  // its user
	Type, Proto int  // as socket(2) takes them
	Bypass      bool // exempt from XFRM's policies, like sockets of key managers
	Transparent bool // any source address is allowed
	Src         netip.AddrPort
	Device      string // to bind to; "": any
	UnicastIf   int    // ifindex of IP_UNICAST_IF or IPV6_UNICAST_IF; 0: not set
	PktInfo     int    // ifindex of IP_PKTINFO or IPV6_PKTINFO, with Src as the source; 0: not sent
}

// Send opens the socket, sends one packet, and closes the socket. It is no error if the packet is dropped on
// the node.
func (s Sender) Send(dst netip.AddrPort, payload []byte) error {
	family := unix.AF_INET
	if dst.Addr().Is6() {
		family = unix.AF_INET6
	}
	err := s.Node.Do(func() error {
		fd, err := openAs(s.Owner, family, s.Type, s.Proto)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := s.prepare(fd, family); err != nil {
			return err
		}
		// A local drop is reported for IPv6, as ENOBUFS.
		if err := unix.Sendmsg(fd, payload, s.control(family), sockaddr(dst), 0); err != nil && !errors.Is(err, unix.ENOBUFS) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("send from %s: %w", s.Node.Name, err)
	}
	return nil
}

// openAs opens a socket of a user: the owner of a socket is the process's file system user (sock_alloc in
// net/socket.c).
func openAs(owner, family, typ, proto int) (fd int, err error) {
	if _, err := unix.SetfsuidRetUid(owner); err != nil {
		return 0, err
	}
	fd, err = unix.Socket(family, typ|unix.SOCK_CLOEXEC, proto)
	if _, back := unix.SetfsuidRetUid(0); back != nil && err == nil {
		return 0, errors.Join(back, unix.Close(fd))
	}
	return fd, err
}

// control returns the ancillary data of a packet.
func (s Sender) control(family int) []byte {
	switch {
	case s.PktInfo == 0:
		return nil
	case family == unix.AF_INET6:
		return unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: uint32(s.PktInfo), Addr: s.Src.Addr().As16()})
	}
	return unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(s.PktInfo), Spec_dst: s.Src.Addr().As4()})
}

func (s Sender) prepare(fd, family int) error {
	level, policy, transparent := unix.SOL_IP, unix.IP_XFRM_POLICY, unix.IP_TRANSPARENT
	if family == unix.AF_INET6 {
		level, policy, transparent = unix.SOL_IPV6, unix.IPV6_XFRM_POLICY, unix.IPV6_TRANSPARENT
	}
	if s.Bypass {
		if err := unix.SetsockoptString(fd, level, policy, bypassPolicy(family)); err != nil {
			return fmt.Errorf("bypass policies: %w", err)
		}
	}
	if s.Transparent {
		if err := unix.SetsockoptInt(fd, level, transparent, 1); err != nil {
			return fmt.Errorf("make transparent: %w", err)
		}
	}
	if s.UnicastIf != 0 {
		option := unix.IP_UNICAST_IF
		if family == unix.AF_INET6 {
			option = unix.IPV6_UNICAST_IF
		}
		if err := unix.SetsockoptInt(fd, level, option, int(bits.ReverseBytes32(uint32(s.UnicastIf)))); err != nil {
			return fmt.Errorf("set interface: %w", err)
		}
	}
	if s.Device != "" {
		if err := unix.BindToDevice(fd, s.Device); err != nil {
			return err
		}
	}
	if s.Src.IsValid() {
		return unix.Bind(fd, sockaddr(s.Src))
	}
	return nil
}

// bypassPolicy is a struct xfrm_userpolicy_info (linux/xfrm.h) of 168 bytes that permits everything outbound:
// selector.family at 40, dir (1: out) at 160, action (0: allow) after it.
func bypassPolicy(family int) string {
	b := make([]byte, 168)
	binary.NativeEndian.PutUint16(b[40:], uint16(family))
	b[160] = 1
	return string(b)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Datagram is UDP content to send.
type Datagram struct {
	// Src may have the zero address or port 0: the kernel chooses.
	Src, Dst netip.AddrPort
	Payload  []byte
	// Segment, if not 0, passes the payload to the kernel as one GSO packet that is split into datagrams of
	// this many bytes (UDP_SEGMENT, udp(7)).
	Segment int
}

// SendUDP sends a datagram from the node and does not wait for an answer.
func (n *Node) SendUDP(ctx context.Context, d Datagram) error {
	conn, err := n.dialUDP(ctx, d)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write(d.Payload); err != nil {
		return fmt.Errorf("send UDP from %s: %w", n.Name, err)
	}
	return nil
}

// ExchangeUDP sends a datagram and returns the answer. The error may be that of an ICMP error: ECONNREFUSED
// (port unreachable), EHOSTUNREACH (3/13), EACCES (ICMPv6 1/1), EMSGSIZE, ... or [ErrNoAnswer] without an
// answer before the context ends.
func (n *Node) ExchangeUDP(ctx context.Context, d Datagram) ([]byte, error) {
	conn, err := n.dialUDP(ctx, d)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer endWith(ctx, conn)()
	if _, err := conn.Write(d.Payload); err != nil {
		return nil, fmt.Errorf("send UDP from %s: %w", n.Name, err)
	}
	buf := make([]byte, 1<<16)
	size, err := conn.Read(buf)
	if err != nil {
		return nil, fmt.Errorf("receive UDP on %s: %w", n.Name, noAnswer(err))
	}
	return buf[:size], nil
}

func (n *Node) dialUDP(ctx context.Context, d Datagram) (net.Conn, error) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if d.Segment == 0 {
			return nil
		}
		if failure := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_SEGMENT, d.Segment)
		}); failure != nil {
			return failure
		}
		return err
	}}
	if d.Src != (netip.AddrPort{}) {
		dialer.LocalAddr = &net.UDPAddr{IP: d.Src.Addr().AsSlice(), Port: int(d.Src.Port())}
	}
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "udp", d.Dst.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open UDP socket on %s: %w", n.Name, err)
	}
	return conn, nil
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// ErrNoAnswer is the error of traffic without an answer in time.
var ErrNoAnswer = errors.New("no answer")

// ListenTCP opens a listening socket on an address of the node.
func (n *Node) ListenTCP(ctx context.Context, local netip.AddrPort) (net.Listener, error) {
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	var listener net.Listener
	err := n.Do(func() (err error) {
		listener, err = config.Listen(ctx, "tcp", local.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen for TCP on %s: %w", n.Name, err)
	}
	return listener, nil
}

// DialTCP opens a connection from the node; the zero src lets the kernel choose.
//
// Its error is ECONNREFUSED for a reset, EHOSTUNREACH for ICMP 3/13, EACCES for ICMPv6 1/1 and for a
// prohibited local route, [ErrNoAnswer] without an answer before the context's deadline.
func (n *Node) DialTCP(ctx context.Context, src, dst netip.AddrPort) (*net.TCPConn, error) {
	var dialer net.Dialer
	dialer.SetMultipathTCP(false)
	if src != (netip.AddrPort{}) {
		dialer.LocalAddr = net.TCPAddrFromAddrPort(src)
	}
	var conn net.Conn
	err := n.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp", dst.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect from %s: %w", n.Name, noAnswer(err))
	}
	return conn.(*net.TCPConn), nil
}

// ConnectTCP opens and closes a connection: see [Node.DialTCP] for its errors.
func (n *Node) ConnectTCP(ctx context.Context, src, dst netip.AddrPort) error {
	conn, err := n.DialTCP(ctx, src, dst)
	if err != nil {
		return err
	}
	return conn.Close()
}

// endWith makes reads and writes of the connection fail once the context ends, until the returned function is
// called.
func endWith(ctx context.Context, conn net.Conn) func() bool {
	return context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
}

// noAnswer adds ErrNoAnswer to the errors of timeouts.
func noAnswer(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("%w: %w", ErrNoAnswer, err)
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
)

// UDPEcho sends each datagram it receives back to its sender.
type UDPEcho struct {
	conn *net.UDPConn
	done chan struct{}

	mu       sync.Mutex
	received []Received
}

// Received is a datagram received by a [UDPEcho].
type Received struct {
	From    netip.AddrPort
	Payload []byte
}

// EchoUDP starts a server on an address of the node; port 0 lets the kernel choose. The caller must call
// [UDPEcho.Close].
func (n *Node) EchoUDP(ctx context.Context, local netip.AddrPort) (*UDPEcho, error) {
	var config net.ListenConfig
	var conn net.PacketConn
	err := n.Do(func() (err error) {
		conn, err = config.ListenPacket(ctx, "udp", local.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen for UDP on %s: %w", n.Name, err)
	}
	e := &UDPEcho{conn: conn.(*net.UDPConn), done: make(chan struct{})}
	go e.serve()
	return e, nil
}

func (e *UDPEcho) serve() {
	defer close(e.done)
	buf := make([]byte, 1<<16)
	for {
		size, from, err := e.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r := Received{netip.AddrPortFrom(from.Addr().Unmap(), from.Port()), slices.Clone(buf[:size])}
		e.mu.Lock()
		e.received = append(e.received, r)
		e.mu.Unlock()
		// The sender notices an answer that could not be sent.
		_, _ = e.conn.WriteToUDPAddrPort(r.Payload, from)
	}
}

// Addr is the address the server listens on.
func (e *UDPEcho) Addr() netip.AddrPort { return e.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Received returns the datagrams received so far, in order.
func (e *UDPEcho) Received() []Received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.received)
}

// Close ends the server.
func (e *UDPEcho) Close() error {
	err := e.conn.Close()
	<-e.done
	return err
}

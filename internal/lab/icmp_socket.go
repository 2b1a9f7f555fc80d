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

// icmpBuffer is the receive buffer of an ICMP socket, in bytes.
const icmpBuffer = 8 << 20

// icmpSocket opens a raw ICMP socket on the node, bound to an address that selects the family. It receives
// each ICMP message that reaches the node.
func (n *Node) icmpSocket(ctx context.Context, local netip.Addr, options func(fd int) error) (net.PacketConn, error) {
	network := "ip4:icmp"
	if local.Is6() {
		network = "ip6:ipv6-icmp"
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failure error
		err := c.Control(func(fd uintptr) {
			failure = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, icmpBuffer)
			if failure == nil && options != nil {
				failure = options(int(fd))
			}
		})
		if err != nil {
			return err
		}
		return failure
	}}
	var conn net.PacketConn
	err := n.Do(func() (err error) {
		conn, err = config.ListenPacket(ctx, network, local.String())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open ICMP socket on %s: %w", n.Name, err)
	}
	return conn, nil
}

// readICMP reads one message and its sender.
func readICMP(conn net.PacketConn, buf []byte) (netip.Addr, []byte, error) {
	size, from, err := conn.ReadFrom(buf)
	if err != nil {
		return netip.Addr{}, nil, err
	}
	a, _ := netip.AddrFromSlice(from.(*net.IPAddr).IP)
	return a.Unmap(), buf[:size], nil
}

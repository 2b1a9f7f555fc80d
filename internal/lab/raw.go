// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/gopacket/gopacket"
	"golang.org/x/sys/unix"
)

// Errors of frames that cannot be built or sent.
var (
	ErrNoPeer = errors.New("device is not one of the lab's links")
	ErrShort  = errors.New("too short")
)

// Build serialises layers, and fills in lengths and checksums.
func Build(packet ...gopacket.SerializableLayer) ([]byte, error) {
	var network gopacket.NetworkLayer
	for _, layer := range packet {
		if l, ok := layer.(gopacket.NetworkLayer); ok {
			network = l
		}
		l, ok := layer.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		})
		if !ok || network == nil {
			continue
		}
		if err := l.SetNetworkLayerForChecksum(network); err != nil {
			return nil, fmt.Errorf("build packet: %w", err)
		}
	}
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, packet...); err != nil {
		return nil, fmt.Errorf("build packet: %w", err)
	}
	return buf.Bytes(), nil
}

// Frame prepends the Ethernet header to an IP packet, from the node's device to the other end of that link,
// with a VLAN tag if vlan is not 0.
//
// Returns [ErrNoPeer] for a device without another end in the lab.
func (n *Node) Frame(dev string, vlan uint16, packet []byte) ([]byte, error) {
	link, ok := n.links[dev]
	if !ok {
		return nil, fmt.Errorf("frame packet for %s of %s: %w", dev, n.Name, ErrNoPeer)
	}
	typ := uint16(unix.ETH_P_IP)
	if len(packet) > 0 && packet[0]>>4 == 6 {
		typ = unix.ETH_P_IPV6
	}
	frame := append(append([]byte{}, link.peer...), link.own...)
	if vlan != 0 {
		frame = binary.BigEndian.AppendUint16(frame, unix.ETH_P_8021Q)
		frame = binary.BigEndian.AppendUint16(frame, vlan)
	}
	frame = binary.BigEndian.AppendUint16(frame, typ)
	return append(frame, packet...), nil
}

// SendIP sends an IP packet with any content from the node's device to the other end of that link, past the
// node's own IP stack.
func (n *Node) SendIP(dev string, packet []byte) error {
	frame, err := n.Frame(dev, 0, packet)
	if err != nil {
		return err
	}
	return n.SendFrame(dev, frame)
}

// PacketSocket is a way to send a frame (packet(7)).
type PacketSocket struct {
	Protocol uint16 // EtherType that the socket declares; 0: that of the frame
	Bypass   bool   // PACKET_QDISC_BYPASS: past the queueing discipline
}

// SendFrame sends bytes, Ethernet header included, out of the node's device.
func (n *Node) SendFrame(dev string, frame []byte) error {
	return n.SendBy(PacketSocket{}, dev, frame)
}

// SendBy is SendFrame by a given socket.
func (n *Node) SendBy(s PacketSocket, dev string, frame []byte) error {
	if len(frame) < 14 {
		return fmt.Errorf("send frame of %d bytes: %w", len(frame), ErrShort)
	}
	protocol := cmp.Or(s.Protocol, binary.BigEndian.Uint16(frame[12:]))
	err := n.Do(func() error {
		ifi, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if s.Bypass {
			if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS, 1); err != nil {
				return err
			}
		}
		err = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Protocol: networkOrder(protocol), Ifindex: ifi.Index})
		if errors.Is(err, unix.ENOBUFS) {
			return nil // a program dropped it
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("send frame out of %s on %s: %w", dev, n.Name, err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf/bpftest"
)

// frame is 64 bytes, in words.
type frame = bpftest.DriveDriveFrame

const frameSize = int(unsafe.Sizeof(frame{}))

// lanMAC is the address of the gateway's lan in each lab.
var lanMAC = net.HardwareAddr{2, 0, 0, 0, 0, 1}

// framesOf makes a frame of each packet.
func framesOf(packets []packet) []frame {
	frames := make([]frame, len(packets))
	for i, p := range packets {
		frames[i] = *(*frame)(unsafe.Pointer(new(frameOf(p))))
	}
	return frames
}

// frameOf is a packet as a frame of 64 bytes to the gateway's lan, with a UDP checksum of 0.
func frameOf(p packet) (f [64]byte) {
	const ethernet = 14
	copy(f[:], lanMAC)
	copy(f[6:], net.HardwareAddr{2, 0, 0, 0, 0, 2})
	ip, udp := f[ethernet:], f[ethernet+20:]
	if p.Family == unix.AF_INET6 {
		udp = f[ethernet+40:]
		binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IPV6)
		ip[0], ip[6], ip[7] = 6<<4, p.Proto, 64
		binary.BigEndian.PutUint16(ip[4:], uint16(len(udp)))
		copy(ip[8:], p.Src[:])
		copy(ip[24:], p.Dst[:])
	} else {
		binary.BigEndian.PutUint16(f[12:], unix.ETH_P_IP)
		ip[0], ip[8], ip[9] = 4<<4|5, 64, p.Proto
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		copy(ip[12:16], p.Src[:])
		copy(ip[16:20], p.Dst[:])
		binary.BigEndian.PutUint16(ip[10:], checksum(ip[:20]))
	}
	binary.NativeEndian.PutUint16(udp, p.Sport)
	binary.NativeEndian.PutUint16(udp[2:], p.Dport)
	binary.BigEndian.PutUint16(udp[4:], uint16(len(udp)))
	return f
}

// checksum is that of an IPv4 header whose own is 0.
func checksum(header []byte) uint16 {
	var sum uint32
	for i := 0; i < len(header); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[i:]))
	}
	sum = sum&0xffff + sum>>16
	return ^uint16(sum + sum>>16)
}

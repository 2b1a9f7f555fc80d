// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// captureBuffer is the receive buffer of a capture in bytes: about 20,000 small frames or 400 of 64 KiB, as
// accounted by the kernel.
const captureBuffer = 64 << 20

// packetSocket opens an AF_PACKET socket on a device of the calling thread's namespace. It receives every
// frame in both directions from the moment this returns.
func packetSocket(ifindex int) (*os.File, error) {
	// With protocol 0 it receives nothing before it is bound.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL), Ifindex: ifindex}),
	)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("bind packet socket: %w", err)
	}
	return os.NewFile(uintptr(fd), "packet"), nil
}

// networkOrder returns v such that its bytes in memory are big-endian.
func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// frameInfo is the content of a frame's control messages.
type frameInfo struct {
	time time.Time // zero: unknown
	tag  []byte    // the four bytes of the VLAN tag that the kernel stripped
}

func parseFrameInfo(oob []byte) (info frameInfo) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return info
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS:
			var ts unix.Timespec
			if n, err := binary.Decode(m.Data, binary.NativeEndian, &ts); err == nil && n > 0 {
				info.time = time.Unix(ts.Unix())
			}
		case m.Header.Level == unix.SOL_PACKET && m.Header.Type == unix.PACKET_AUXDATA:
			info.tag = vlanTag(m.Data)
		}
	}
	return info
}

// vlanTag returns the VLAN tag in a struct tpacket_auxdata (linux/if_packet.h: tp_status
// at 0, tp_vlan_tci at 16, tp_vlan_tpid at 18, in host order); nil without one.
func vlanTag(aux []byte) []byte {
	if len(aux) < 20 || binary.NativeEndian.Uint32(aux)&unix.TP_STATUS_VLAN_VALID == 0 {
		return nil
	}
	tag := binary.BigEndian.AppendUint16(nil, binary.NativeEndian.Uint16(aux[18:]))
	return binary.BigEndian.AppendUint16(tag, binary.NativeEndian.Uint16(aux[16:]))
}

// SPDX-License-Identifier: Apache-2.0

package session

import (
	"encoding/binary"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// socketRequest requests one TCP socket: struct inet_diag_req_v2 in linux/inet_diag.h.
type socketRequest struct{ local, remote netip.AddrPort }

func (r socketRequest) Len() int { return 56 }

func (r socketRequest) Serialize() []byte {
	b := []byte{unix.AF_INET6, unix.IPPROTO_TCP, 0, 0}
	if r.local.Addr().Is4() {
		b[0] = unix.AF_INET
	}
	b = binary.NativeEndian.AppendUint32(b, ^uint32(0)) // all states
	b = binary.BigEndian.AppendUint16(b, r.local.Port())
	b = binary.BigEndian.AppendUint16(b, r.remote.Port())
	var src, dst [16]byte
	copy(src[:], r.local.Addr().AsSlice())
	copy(dst[:], r.remote.Addr().AsSlice())
	b = append(append(b, src[:]...), dst[:]...)
	b = binary.NativeEndian.AppendUint32(b, 0) // any interface
	const anyCookie = ^uint64(0)
	return binary.NativeEndian.AppendUint64(b, anyCookie)
}

// isOpen reports whether the connection is established in the calling thread's network namespace.
func (s *Session) isOpen() bool {
	request := nl.NewNetlinkRequest(nl.SOCK_DIAG_BY_FAMILY, 0)
	request.AddData(socketRequest{s.Server, s.Client})
	messages, err := request.Execute(unix.NETLINK_INET_DIAG, nl.SOCK_DIAG_BY_FAMILY)
	// The kernel falls back to a listening socket. The second byte is the state, see struct inet_diag_msg.
	return err == nil && len(messages) == 1 && len(messages[0]) > 1 && messages[0][1] == netlink.TCP_ESTABLISHED
}

// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Handle is a connection to the XFRM subsystem of one network namespace. It is safe for concurrent use, but the
// caller must not change one Security Association concurrently.
type Handle struct {
	sockets map[int]*nl.SocketHandle
}

// Open connects to XFRM in the calling thread's network namespace; the handle stays with that namespace. It
// returns an error that wraps EPROTONOSUPPORT if the kernel has no XFRM_USER.
func Open() (*Handle, error) {
	socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_XFRM)
	if err != nil {
		return nil, fmt.Errorf("open XFRM socket: %w", err)
	}
	timeout := nl.SocketTimeoutTv
	if err := errors.Join(
		socket.SetSendTimeout(&timeout),
		socket.SetReceiveTimeout(&timeout),
		socket.SetExtAck(true), // errors contain the kernel's own text
	); err != nil {
		socket.Close()
		return nil, fmt.Errorf("set up XFRM socket: %w", err)
	}
	return &Handle{map[int]*nl.SocketHandle{unix.NETLINK_XFRM: {Socket: socket}}}, nil
}

// Close closes the socket. Bindings stay.
func (h *Handle) Close() error {
	h.sockets[unix.NETLINK_XFRM].Close()
	return nil
}

// change sends a request and waits for its acknowledgement. It returns an error that wraps the kernel's errno.
func (h *Handle) change(r request) error {
	_, err := h.netlink(r, unix.NLM_F_ACK).Execute(unix.NETLINK_XFRM, 0)
	return err
}

// get sends a request that is answered by one message, and returns its payload.
func (h *Handle) get(r request, answer uint16) ([]byte, error) {
	msgs, err := h.netlink(r, 0).Execute(unix.NETLINK_XFRM, answer)
	if err != nil {
		return nil, err
	}
	if len(msgs) != 1 {
		return nil, fmt.Errorf("%d answers: %w", len(msgs), ErrMessage)
	}
	return msgs[0], nil
}

// dump calls f with the payload of each message of a dump; f must not keep the payload. The first error of f
// ends the dump and is returned.
func (h *Handle) dump(r request, answer uint16, f func([]byte) error) error {
	var failed error
	err := h.netlink(r, unix.NLM_F_DUMP).ExecuteIter(unix.NETLINK_XFRM, answer, func(msg []byte) bool {
		failed = f(msg)
		return failed == nil
	})
	if failed != nil {
		return failed
	}
	return err
}

func (h *Handle) netlink(r request, flags int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(int(r.msgType), flags)
	req.Sockets = h.sockets
	req.RawData = r.payload
	return req
}

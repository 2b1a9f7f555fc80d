// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Handle is a connection to the XFRM subsystem of one network namespace. It may
// be used by several goroutines; two changes of one Security Association at a
// time are for the caller to avoid.
type Handle struct {
	sockets map[int]*nl.SocketHandle
}

// Open connects to XFRM in the calling thread's network namespace; the handle
// stays with that namespace. Returns an error that wraps EPROTONOSUPPORT if the
// kernel has no XFRM_USER.
func Open() (*Handle, error) {
	socket, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_XFRM)
	if err != nil {
		return nil, fmt.Errorf("open XFRM socket: %w", err)
	}
	timeout := nl.SocketTimeoutTv
	if err := errors.Join(
		socket.SetSendTimeout(&timeout),
		socket.SetReceiveTimeout(&timeout),
		socket.SetExtAck(true), // errors carry the kernel's own text
	); err != nil {
		socket.Close()
		return nil, fmt.Errorf("set up XFRM socket: %w", err)
	}
	return &Handle{map[int]*nl.SocketHandle{unix.NETLINK_XFRM: {Socket: socket}}}, nil
}

// Close releases the socket. What was bound stays bound.
func (h *Handle) Close() error {
	h.sockets[unix.NETLINK_XFRM].Close()
	return nil
}

// change sends a request and waits for the kernel's verdict. Returns an error
// that wraps the kernel's errno.
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

// dump calls f with the payload of each message of a dump; the payload is not
// to be kept. The first error of f ends the calls and is returned.
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

// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// End is what becomes of the packets of a %hold eroute that is no more.
type End uint8

// The ends.
const (
	Released End = 1 + iota // its eroute was replaced: they meet the table again
	Freed                   // it was deleted
	Cleared                 // all were deleted
)

// Ended tells the relay of a %hold eroute that is no more.
type Ended struct {
	Flow eroute.Selector // not for Cleared
	How  End
}

// endedSocket is where the relay of a network namespace listens: abstract names belong
// to the namespace (unix(7)).
const endedSocket = "\x00ipsec-acquire"

type endedMessage struct {
	Flow bpf.ABIFlowKey
	How  End
}

// ErrRelayRuns says that the network namespace has a relay already.
var ErrRelayRuns = errors.New("another relay runs in this network namespace")

// EndedListener is the relay's ear for commands. There is one in a network namespace.
type EndedListener struct{ fd int }

// ListenEnded begins to listen in the calling thread's network namespace. Returns
// ErrRelayRuns if somebody else does.
func ListenEnded() (*EndedListener, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open socket for commands: %w", err)
	}
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrUnix{Name: endedSocket}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1),
	)
	if errors.Is(err, unix.EADDRINUSE) {
		err = ErrRelayRuns
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for commands: %w", err), unix.Close(fd))
	}
	return &EndedListener{fd}, nil
}

// Read returns the next message. It returns os.ErrDeadlineExceeded after this time
// without one. What anybody but root sends is left out.
func (l *EndedListener) Read(wait time.Duration) (Ended, error) {
	tv := unix.NsecToTimeval(wait.Nanoseconds())
	if err := unix.SetsockoptTimeval(l.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return Ended{}, fmt.Errorf("set deadline of commands' socket: %w", err)
	}
	buf, oob := make([]byte, 256), make([]byte, unix.CmsgSpace(unix.SizeofUcred))
	for {
		n, oobn, _, _, err := unix.Recvmsg(l.fd, buf, oob, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return Ended{}, os.ErrDeadlineExceeded
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return Ended{}, fmt.Errorf("read from commands' socket: %w", err)
		}
		if e, err := parseEnded(buf[:n]); err == nil && isFromRoot(oob[:oobn]) {
			return e, nil
		}
	}
}

// Close stops listening.
func (l *EndedListener) Close() error { return unix.Close(l.fd) }

func isFromRoot(oob []byte) bool {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil || len(messages) != 1 {
		return false
	}
	cred, err := unix.ParseUnixCredentials(&messages[0])
	return err == nil && cred.Uid == 0
}

func parseEnded(b []byte) (Ended, error) {
	var m endedMessage
	if _, err := binary.Decode(b, binary.NativeEndian, &m); err != nil {
		return Ended{}, fmt.Errorf("read ended flow: %w", err)
	}
	switch m.How {
	case Cleared:
		return Ended{How: Cleared}, nil
	case Released, Freed:
	default:
		return Ended{}, fmt.Errorf("read ended flow: no such end: %d", m.How)
	}
	s := flowSelector(&m.Flow)
	return Ended{s, m.How}, s.Validate()
}

// tellRelay tells the relay, if one listens. What does not get through it finds out by
// itself, a little later.
func tellRelay(all []Ended) error {
	if len(all) == 0 {
		return nil
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket to relay: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	for _, e := range all {
		m := endedMessage{How: e.How}
		if e.How != Cleared {
			m.Flow = newFlowKey(e.Flow, 0)
		}
		var buf bytes.Buffer
		if err := binary.Write(&buf, binary.NativeEndian, m); err != nil {
			return fmt.Errorf("write ended flow: %w", err)
		}
		err := unix.Sendto(fd, buf.Bytes(), unix.MSG_DONTWAIT, &unix.SockaddrUnix{Name: endedSocket})
		if errors.Is(err, unix.ECONNREFUSED) {
			return nil // no relay
		}
	}
	return nil
}

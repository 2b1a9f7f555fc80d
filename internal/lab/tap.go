// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// tap is a packet socket on one device.
type tap struct {
	file *os.File
	link layers.LinkType
	err  error // once run has returned
}

// newTap starts to listen: the kernel queues frames until run takes them.
func newTap(n *Node, dev string) (*tap, error) {
	t := &tap{link: layers.LinkTypeRaw}
	return t, n.Do(func() error {
		ifi, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		if len(ifi.HardwareAddr) == 6 || ifi.Flags&net.FlagLoopback != 0 {
			t.link = layers.LinkTypeEthernet
		}
		t.file, err = packetSocket(ifi.Index)
		return err
	})
}

// stop makes run read the queued frames and return.
func (t *tap) stop() error { return t.file.SetReadDeadline(time.Unix(1, 0)) }

// run passes frames on until stop is called, then those queued, and stores its error, if any.
func (t *tap) run(record func(Frame)) {
	raw, err := t.file.SyscallConn()
	if err != nil {
		t.err = err
		return
	}
	buf, oob := make([]byte, 1<<18), make([]byte, 256)
	var failure error
	err = raw.Read(func(fd uintptr) bool {
		failure = t.drain(int(fd), buf, oob, record)
		return failure != nil
	})
	if failure == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		t.err = err
		return
	}
	var lost error
	err = raw.Control(func(fd uintptr) {
		if failure == nil {
			failure = t.drain(int(fd), buf, oob, record)
		}
		lost = loss(int(fd))
	})
	t.err = errors.Join(err, failure, lost)
}

// drain passes on the frames queued now.
func (t *tap) drain(fd int, buf, oob []byte, record func(Frame)) error {
	for {
		n, oobn, _, from, err := unix.Recvmsg(fd, buf, oob, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, syscall.EAGAIN):
			return nil
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("receive frame: %w", err)
		case n > len(buf):
			return fmt.Errorf("receive frame of %d bytes: %w", n, ErrCaptureLoss)
		}
		info := parseFrameInfo(oob[:oobn])
		f := Frame{Time: info.time, Link: t.link, Data: slices.Clone(buf[:n])}
		if a, ok := from.(*unix.SockaddrLinklayer); ok {
			f.Outgoing = a.Pkttype == unix.PACKET_OUTGOING
		}
		if info.tag != nil && n >= 12 {
			f.Data = slices.Insert(f.Data, 12, info.tag...)
		}
		record(f)
	}
}

func loss(fd int) error {
	stats, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return fmt.Errorf("get capture statistics: %w", err)
	}
	if stats.Drops > 0 {
		return fmt.Errorf("%d of %d: %w", stats.Drops, stats.Packets, ErrCaptureLoss)
	}
	return nil
}

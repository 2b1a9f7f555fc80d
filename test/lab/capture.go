// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// ErrCaptureLoss is the error of a capture whose buffer overran: frames are
// missing from it.
var ErrCaptureLoss = errors.New("capture lost frames")

// Capture records the frames of one device, both directions.
//
// A received frame is recorded after native XDP and before everything else; a
// sent one after everything else. A large segment that the device is left to
// split is one frame.
type Capture struct {
	file *os.File
	link layers.LinkType
	done chan error

	mu     sync.Mutex
	frames Frames
}

// Capture starts to record a device of the node. Whatever the device sends or
// receives after Capture has returned is in the capture.
func (n *Node) Capture(dev string) (*Capture, error) {
	c := &Capture{done: make(chan error, 1), link: layers.LinkTypeRaw}
	err := n.Do(func() error {
		ifi, err := net.InterfaceByName(dev)
		if err != nil {
			return err
		}
		if len(ifi.HardwareAddr) == 6 || ifi.Flags&net.FlagLoopback != 0 {
			c.link = layers.LinkTypeEthernet
		}
		c.file, err = packetSocket(ifi.Index)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("capture %s of %s: %w", dev, n.Name, err)
	}
	go func() { c.done <- c.run() }()
	return c, nil
}

// Stop ends the capture and returns its frames in order, those included that
// the kernel had queued when Stop was called.
//
// Returns [ErrCaptureLoss], with the frames there are, if any was lost.
func (c *Capture) Stop() (Frames, error) {
	c.file.SetReadDeadline(time.Unix(1, 0))
	err := errors.Join(<-c.done, c.file.Close())
	return c.Frames(), err
}

// Frames returns what the capture has recorded so far.
func (c *Capture) Frames() Frames {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.frames)
}

// Wait waits until the capture has count frames that match.
//
// Returns an error that wraps that of the context if they do not come.
func (c *Capture) Wait(ctx context.Context, m Match, count int) error {
	for {
		got := c.Frames().Count(m)
		if got >= count {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d frames of %+v: have %d: %w", count, m, got, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// run records frames until the read deadline passes, then what is queued.
func (c *Capture) run() error {
	raw, err := c.file.SyscallConn()
	if err != nil {
		return err
	}
	buf, oob := make([]byte, 1<<18), make([]byte, 256)
	var failure error
	err = raw.Read(func(fd uintptr) bool {
		failure = c.drain(int(fd), buf, oob)
		return failure != nil
	})
	if failure == nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	var lost error
	err = raw.Control(func(fd uintptr) {
		if failure == nil {
			failure = c.drain(int(fd), buf, oob)
		}
		lost = loss(int(fd))
	})
	return errors.Join(err, failure, lost)
}

// drain records the frames that are queued now.
func (c *Capture) drain(fd int, buf, oob []byte) error {
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
		f := Frame{Time: time.Now(), Link: c.link, Data: slices.Clone(buf[:n])}
		if a, ok := from.(*unix.SockaddrLinklayer); ok {
			f.Outgoing = a.Pkttype == unix.PACKET_OUTGOING
		}
		if tag := vlanTag(oob[:oobn]); tag != nil && n >= 12 {
			f.Data = slices.Insert(f.Data, 12, tag...)
		}
		c.mu.Lock()
		c.frames = append(c.frames, f)
		c.mu.Unlock()
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

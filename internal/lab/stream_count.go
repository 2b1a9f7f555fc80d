// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// StreamCount counts the datagrams of streams that a node receives.
type StreamCount struct {
	conn *net.UDPConn
	done chan struct{}

	mu      sync.Mutex
	streams map[uint32]*arrivals
}

// arrivals are the datagrams of one stream.
type arrivals struct {
	seen  []uint64 // one bit per number
	last  uint64   // the highest number
	once  uint64
	again uint64
	late  uint64
}

// CountStreams starts to count the datagrams that arrive at an address of the node. The caller must call
// [StreamCount.Close].
func (n *Node) CountStreams(local netip.AddrPort) (*StreamCount, error) {
	c := &StreamCount{done: make(chan struct{}), streams: map[uint32]*arrivals{}}
	err := n.Do(func() (err error) {
		c.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		if err != nil {
			return err
		}
		raw, err := c.conn.SyscallConn()
		if err != nil {
			return err
		}
		return controlled(raw, func(fd int) error {
			return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("count streams on %s: %w", n.Name, err)
	}
	go c.run()
	return c, nil
}

func controlled(raw syscall.RawConn, f func(fd int) error) (err error) {
	if failure := raw.Control(func(fd uintptr) { err = f(int(fd)) }); failure != nil {
		return failure
	}
	return err
}

func (c *StreamCount) run() {
	defer close(c.done)
	buf := make([]byte, 1<<16)
	for {
		n, err := c.conn.Read(buf)
		if err != nil {
			return
		}
		if id, number, ok := Numbered(buf[:n]); ok {
			c.note(id, number)
		}
	}
}

func (c *StreamCount) note(id uint32, number uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.streams[id]
	if a == nil {
		a = &arrivals{}
		c.streams[id] = a
	}
	for uint64(len(a.seen)) <= number/64 {
		a.seen = append(a.seen, 0)
	}
	if bit := uint64(1) << (number % 64); a.seen[number/64]&bit == 0 {
		a.seen[number/64] |= bit
		a.once++
	} else {
		a.again++
	}
	if number < a.last {
		a.late++
	}
	a.last = max(a.last, number)
}

// Port is the port that datagrams are counted on.
func (c *StreamCount) Port() uint16 {
	return c.conn.LocalAddr().(*net.UDPAddr).AddrPort().Port()
}

// Arrived returns the number of datagrams of a stream that have arrived, and the number of duplicates.
func (c *StreamCount) Arrived(id uint32) (once, again uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.streams[id]; a != nil {
		return a.once, a.again
	}
	return 0, 0
}

// Late returns the number of datagrams of a stream that arrived behind a later one.
func (c *StreamCount) Late(id uint32) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.streams[id]; a != nil {
		return a.late
	}
	return 0
}

// Wait waits until count datagrams of a stream have arrived, and briefly for a further one.
//
// Returns an error that wraps the context's error if it ends first.
func (c *StreamCount) Wait(ctx context.Context, id uint32, count uint64) error {
	for {
		once, _ := c.Arrived(id)
		if once >= count {
			break
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d datagrams of stream %d: have %d: %w", count, id, once, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	time.Sleep(watchGrace)
	return nil
}

// Close ends the counting.
func (c *StreamCount) Close() error {
	err := c.conn.Close()
	<-c.done
	return err
}

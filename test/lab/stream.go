// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// streamTag begins the content of a stream's datagrams.
const streamTag = "datagram in a stream "

// streamBurst is how many datagrams are sent at once at the most, so that the queues on
// the way hold them: those of a veth device with XDP have 256 places.
const streamBurst = 32

// Stream is numbered UDP datagrams that a node sends at a steady rate. It goes on after
// those that the kernel refuses, for want of a route or room; they have no number.
type Stream struct {
	From *Node
	// Src may have the zero address or port 0: the kernel chooses.
	Src, Dst netip.AddrPort
	// ID tells streams apart.
	ID uint32
	// Rate is how many datagrams are sent a second. A sender that cannot keep up sends
	// fewer: it does not make up for lost time.
	Rate int
	// Size is the content in bytes, at least 33.
	Size int

	conn *net.UDPConn
	end  chan struct{}
	done chan struct{}
	sent uint64
	err  error
}

// Start begins to send. The caller has to call [Stream.Stop].
func (s *Stream) Start() error {
	s.Size = max(s.Size, len(streamTag)+12)
	err := s.From.Do(func() (err error) {
		s.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(s.Src))
		return err
	})
	if err != nil {
		return fmt.Errorf("open stream on %s: %w", s.From.Name, err)
	}
	s.end, s.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(s.done)
		s.err = s.run()
	}()
	return nil
}

// Stop ends the stream and returns how many datagrams the kernel has taken: they have
// the numbers from 0 on.
func (s *Stream) Stop() (sent uint64, err error) {
	close(s.end)
	<-s.done
	return s.sent, errors.Join(s.err, s.conn.Close())
}

func (s *Stream) run() error {
	content := make([]byte, s.Size)
	copy(content, streamTag)
	binary.BigEndian.PutUint32(content[len(streamTag):], s.ID)
	tick := time.NewTicker(max(time.Second/time.Duration(s.Rate), time.Millisecond))
	defer tick.Stop()
	for last, due := time.Now(), 0.0; ; {
		select {
		case <-s.end:
			return nil
		case now := <-tick.C:
			due = min(due+now.Sub(last).Seconds()*float64(s.Rate), streamBurst)
			last = now
		}
		for ; due >= 1; due-- {
			binary.BigEndian.PutUint64(content[len(streamTag)+4:], s.sent)
			_, err := s.conn.WriteToUDPAddrPort(content, s.Dst)
			if err == nil {
				s.sent++
			} else if _, refused := errors.AsType[syscall.Errno](err); !refused {
				return fmt.Errorf("send datagram %d of stream %d from %s: %w", s.sent, s.ID, s.From.Name, err)
			}
		}
	}
}

// Numbered returns which stream a datagram with this content is of, and its number.
func Numbered(content []byte) (id uint32, number uint64, ok bool) {
	rest, ok := bytes.CutPrefix(content, []byte(streamTag))
	if !ok || len(rest) < 12 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(rest), binary.BigEndian.Uint64(rest[4:]), true
}

// Numbered returns which stream a frame has a datagram of in clear, and its number.
func (f Frame) Numbered() (id uint32, number uint64, ok bool) {
	at := bytes.Index(f.Data, []byte(streamTag))
	if at < 0 {
		return 0, 0, false
	}
	return Numbered(f.Data[at:])
}

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

// streamBurst is the maximum number of datagrams sent in a row, so that the queues on the path hold them:
// those of a veth device with XDP have 256 entries.
const streamBurst = 32

// Stream sends numbered UDP datagrams from a node at a steady rate. It continues after datagrams that the
// kernel refuses, for lack of a route or buffer; these have no number.
type Stream struct {
	From *Node
	// Src may have the zero address or port 0: the kernel chooses.
	Src, Dst netip.AddrPort
	// ID distinguishes streams.
	ID uint32
	// Rate is the number of datagrams per second. A sender that cannot keep up sends fewer: it does not make
	// up for lost time.
	Rate int
	// Size is the content in bytes, at least 33.
	Size int

	conn *net.UDPConn
	end  chan struct{}
	done chan struct{}
	sent uint64
	err  error
}

// Start begins to send. The caller must call [Stream.Stop].
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

// Stop ends the stream and returns the number of datagrams the kernel accepted: they are numbered from 0.
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

// Numbered returns the stream of a datagram with this content, and its number.
func Numbered(content []byte) (id uint32, number uint64, ok bool) {
	rest, ok := bytes.CutPrefix(content, []byte(streamTag))
	if !ok || len(rest) < 12 {
		return 0, 0, false
	}
	return binary.BigEndian.Uint32(rest), binary.BigEndian.Uint64(rest[4:]), true
}

// Numbered returns the stream of the datagram that the frame contains in clear, and its number.
func (f Frame) Numbered() (id uint32, number uint64, ok bool) {
	at := bytes.Index(f.Data, []byte(streamTag))
	if at < 0 {
		return 0, 0, false
	}
	return Numbered(f.Data[at:])
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"
)

// options sets the socket options of the ping.
func (p Ping) options(fd int) error {
	level, ttl, discover := unix.IPPROTO_IP, unix.IP_TTL, unix.IP_MTU_DISCOVER
	mode := unix.IP_PMTUDISC_DONT
	if p.Dst.Is6() {
		level, ttl, discover = unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_MTU_DISCOVER
		if p.DF {
			if err := unix.SetsockoptInt(fd, level, unix.IPV6_DONTFRAG, 1); err != nil {
				return err
			}
		}
	}
	if p.DF {
		mode = unix.IP_PMTUDISC_DO // IPV6_PMTUDISC_DO and _DONT have the same values
	}
	if err := unix.SetsockoptInt(fd, level, discover, mode); err != nil || p.TTL == 0 {
		return err
	}
	return unix.SetsockoptInt(fd, level, ttl, p.TTL)
}

// run sends all requests and waits for the answers.
func (r *pinger) run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- r.receive() }()
	err := r.send(ctx)
	r.conn.SetReadDeadline(time.Now().Add(r.Wait))
	if err != nil || r.complete() {
		r.conn.SetReadDeadline(time.Now())
	}
	stop := context.AfterFunc(ctx, func() { r.conn.SetReadDeadline(time.Now()) })
	defer stop()
	return errors.Join(err, <-done, ctx.Err())
}

func (r *pinger) send(ctx context.Context) error {
	tick := time.NewTicker(r.Interval)
	defer tick.Stop()
	for seq := range r.Count {
		if seq > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		r.mu.Lock()
		r.sent[uint16(seq)] = time.Now()
		r.mu.Unlock()
		_, err := r.conn.WriteTo(r.request(uint16(seq)), &net.IPAddr{IP: r.Dst.AsSlice()})
		r.mu.Lock()
		if err == nil {
			r.result.Sent++
		} else {
			r.result.SendErrors = append(r.result.SendErrors, err)
			r.settled[uint16(seq)] = true
		}
		r.mu.Unlock()
	}
	return nil
}

// request is an echo request; the kernel fills in ICMPv6's checksum.
func (r *pinger) request(seq uint16) []byte {
	b := []byte{layers.ICMPv4TypeEchoRequest, 0, 0, 0}
	if r.Dst.Is6() {
		b[0] = layers.ICMPv6TypeEchoRequest
	}
	b = binary.BigEndian.AppendUint16(b, r.id)
	b = binary.BigEndian.AppendUint16(b, seq)
	b = append(b, r.content...)
	if r.Dst.Is4() {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// receive records answers and errors until the read deadline passes.
func (r *pinger) receive() error {
	buf := make([]byte, 1<<16)
	for {
		from, message, err := readICMP(r.conn, buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		r.note(from, message)
		if r.complete() {
			return nil
		}
	}
}

func (r *pinger) complete() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.settled) == r.Count
}

func (r *pinger) note(from netip.Addr, message []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := parseICMPError(from, message); ok {
		if id, seq, ok := e.quotedEcho(); ok && id == r.id {
			r.result.Errors = append(r.result.Errors, e)
			r.settled[seq] = true
		}
		return
	}
	reply := byte(layers.ICMPv4TypeEchoReply)
	if from.Is6() {
		reply = layers.ICMPv6TypeEchoReply
	}
	if len(message) < 8 || message[0] != reply || binary.BigEndian.Uint16(message[4:]) != r.id ||
		!bytes.Equal(message[8:], r.content) {
		return
	}
	seq := binary.BigEndian.Uint16(message[6:])
	if r.replied[seq] {
		r.result.Duplicates++
		return
	}
	r.replied[seq], r.settled[seq] = true, true
	r.result.Received++
	r.result.Answers = append(r.result.Answers, PingAnswer{int(seq), time.Since(r.sent[seq])})
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Marker fills the content of pings. Frames that contain it are in clear.
const Marker = "seen in the clear, "

// Ping describes echo requests to send. Zero fields other than Dst have the defaults named there.
type Ping struct {
	// Src is the source address; the kernel chooses one by default.
	Src netip.Addr
	// Dst is the destination, and selects the family.
	Dst netip.Addr
	// Count is the number of requests: 1, at most 65536.
	Count int
	// Size is the content in bytes, ICMP header not included: 56.
	Size int
	// Interval is the time between two requests: 10 ms.
	Interval time.Duration
	// Wait is how long to wait for missing answers after the last request: 2 s.
	Wait time.Duration
	// TTL is the time to live or hop limit: the kernel's default, 64.
	TTL int
	// DF sets IPv4's don't-fragment bit and forbids IPv6 to fragment; requests larger than the known path
	// MTU fail.
	DF bool
}

// PingResult contains the outcome of the requests.
type PingResult struct {
	// Sent counts the requests the kernel accepted, Received those answered with the same content,
	// Duplicates the additional answers to a request.
	Sent, Received, Duplicates int
	// Answers are the answers without duplicates, in order of arrival.
	Answers []PingAnswer
	// Errors are the ICMP errors about these requests, in order of arrival.
	Errors []ICMPError
	// SendErrors are the requests the kernel refused.
	SendErrors []error
}

// PingAnswer is the answer to the request with a number, counted from 0.
type PingAnswer struct {
	Request int
	RTT     time.Duration
}

// Late counts the answers that arrived after the answer to a later request.
func (r PingResult) Late() (n int) {
	last := -1
	for _, a := range r.Answers {
		if a.Request < last {
			n++
		}
		last = max(last, a.Request)
	}
	return n
}

// Slowest returns the answer that took longest.
func (r PingResult) Slowest() (slowest PingAnswer) {
	for _, a := range r.Answers {
		if a.RTT >= slowest.RTT {
			slowest = a
		}
	}
	return slowest
}

// pinger is a run of requests and its answers.
type pinger struct {
	Ping
	conn    net.PacketConn
	id      uint16
	content []byte

	mu      sync.Mutex
	result  PingResult
	sent    map[uint16]time.Time
	settled map[uint16]bool // requests with an answer or an error
	replied map[uint16]bool
}

// Ping sends echo requests from the node. It returns as soon as each request has an answer or an error, at
// the latest Wait after the last one.
//
// A request without an answer is no error: see the result.
func (n *Node) Ping(ctx context.Context, p Ping) (PingResult, error) {
	p.Count, p.Size = cmp.Or(p.Count, 1), cmp.Or(p.Size, 56)
	p.Interval, p.Wait = cmp.Or(p.Interval, 10*time.Millisecond), cmp.Or(p.Wait, 2*time.Second)
	if !p.Src.IsValid() {
		p.Src = netip.IPv4Unspecified()
		if p.Dst.Is6() {
			p.Src = netip.IPv6Unspecified()
		}
	}
	conn, err := n.icmpSocket(ctx, p.Src, p.options)
	if err != nil {
		return PingResult{}, fmt.Errorf("ping %s: %w", p.Dst, err)
	}
	defer conn.Close()
	run := &pinger{Ping: p, conn: conn, id: uint16(rand.Uint32()),
		content: bytes.Repeat([]byte(Marker), p.Size/len(Marker)+1)[:p.Size],
		sent:    map[uint16]time.Time{}, settled: map[uint16]bool{}, replied: map[uint16]bool{}}
	if err := run.run(ctx); err != nil {
		return run.result, fmt.Errorf("ping %s from %s: %w", p.Dst, n.Name, err)
	}
	return run.result, nil
}

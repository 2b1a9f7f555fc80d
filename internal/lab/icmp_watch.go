// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// watchGrace is how long a watch still reads arrived messages before it stops.
const watchGrace = 50 * time.Millisecond

// ICMPWatch collects the ICMP and ICMPv6 errors that reach a node, about any packet.
type ICMPWatch struct {
	conns []net.PacketConn
	wg    sync.WaitGroup

	mu     sync.Mutex
	errors []ICMPError
}

// WatchICMP starts to collect the errors that reach the node. The caller must call [ICMPWatch.Stop].
func (n *Node) WatchICMP(ctx context.Context) (*ICMPWatch, error) {
	w := &ICMPWatch{}
	for _, any := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		conn, err := n.icmpSocket(ctx, any, nil)
		if err != nil {
			w.Stop()
			return nil, err
		}
		w.conns = append(w.conns, conn)
		w.wg.Go(func() { w.collect(conn) })
	}
	return w, nil
}

func (w *ICMPWatch) collect(conn net.PacketConn) {
	buf := make([]byte, 1<<16)
	for {
		from, message, err := readICMP(conn, buf)
		if err != nil {
			return
		}
		if e, ok := parseICMPError(from, message); ok {
			w.mu.Lock()
			w.errors = append(w.errors, e)
			w.mu.Unlock()
		}
	}
}

// Errors returns the errors collected so far.
func (w *ICMPWatch) Errors() []ICMPError {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.errors)
}

// Wait waits until there are count errors and returns all.
//
// Returns an error that wraps the context's error if it ends first.
func (w *ICMPWatch) Wait(ctx context.Context, count int) ([]ICMPError, error) {
	for {
		got := w.Errors()
		if len(got) >= count {
			return got, nil
		}
		select {
		case <-ctx.Done():
			return got, fmt.Errorf("wait for %d ICMP errors: have %d: %w", count, len(got), ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// Stop ends the watch and returns the collected errors.
func (w *ICMPWatch) Stop() ([]ICMPError, error) {
	var errs []error
	for _, conn := range w.conns {
		errs = append(errs, conn.SetReadDeadline(time.Now().Add(watchGrace)))
	}
	w.wg.Wait()
	for _, conn := range w.conns {
		errs = append(errs, conn.Close())
	}
	return w.Errors(), errors.Join(errs...)
}

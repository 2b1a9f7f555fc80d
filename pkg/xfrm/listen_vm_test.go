// SPDX-License-Identifier: Apache-2.0

//go:build vm

package xfrm

import (
	"errors"
	"os"
	"testing"
	"time"
)

// TestVMListen checks that a listener receives the changes of a state: created, bound, near its end, deleted,
// flushed.
func TestVMListen(t *testing.T) {
	newNamespace(t)
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	receive := func(kinds ...ChangeKind) {
		t.Helper()
		var received []Change
		for end := time.Now().Add(20 * time.Second); len(received) < len(kinds) && time.Now().Before(end); {
			changes, err := l.Read(100 * time.Millisecond)
			if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			received = append(received, changes...)
		}
		if len(received) != len(kinds) {
			t.Fatalf("received %+v, want kinds %v", received, kinds)
		}
		for i, c := range received {
			s := c.State
			isFlush := c.Kind == StatesFlushed
			if c.Kind != kinds[i] || s.Proto != 50 || !isFlush && (s.SPI != 0x135 || s.Dst.String() != "192.0.2.2" || s.Mode != ModeTunnel || s.ReqID != 42) {
				t.Errorf("received %+v, want kind %d", c, kinds[i])
			}
		}
	}
	const esp = v4 + "proto esp spi 0x135 reqid 42 mode tunnel"
	ip(t, "xfrm state add "+esp+gcm)
	receive(StateAdded)
	ip(t, "xfrm state update "+esp+gcm)
	receive(StateUpdated)
	ip(t, "xfrm state delete "+v4+"proto esp spi 0x135")
	receive(StateDeleted)
	ip(t, "xfrm state add "+esp+" limit time-soft 1 limit time-hard 2"+gcm)
	receive(StateAdded, StateExpiring, StateExpired)
	ip(t, "xfrm state add "+esp+gcm)
	receive(StateAdded)
	ip(t, "xfrm state flush proto esp")
	receive(StatesFlushed)
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
)

// SA is a [Tunnel] that is installed, its defaults filled in.
type SA struct {
	Tunnel

	mu   sync.Mutex
	undo []func(context.Context) error // in the order of what they undo
}

// Install installs the tunnel's state on both nodes, as a key manager would,
// with random keys and no if_id, and on the receiver in and fwd policies that
// let in what any SA brought, and what came in clear. It installs no out policy.
//
// Nothing is left behind after an error, which has the words of ip(8).
func (t Tunnel) Install(ctx context.Context) (*SA, error) {
	sa := &SA{Tunnel: t.complete()}
	if err := sa.install(ctx); err != nil {
		return nil, fmt.Errorf("install %s: %w", sa.SAID(), errors.Join(err, sa.Remove(context.WithoutCancel(ctx))))
	}
	return sa, nil
}

func (sa *SA) install(ctx context.Context) error {
	state := sa.state()
	for _, n := range []*Node{sa.To, sa.From} {
		if _, err := n.IP(ctx, slices.Concat([]string{"xfrm", "state", "add"}, state)...); err != nil {
			return err
		}
		sa.undo = append(sa.undo, func(ctx context.Context) error {
			_, err := n.IP(ctx, slices.Concat([]string{"xfrm", "state", "delete"}, sa.identity())...)
			return err
		})
	}
	if err := sa.To.admit(ctx); err != nil {
		return err
	}
	sa.undo = append(sa.undo, sa.To.dismiss)
	return nil
}

// Remove removes what Install installed; a second Remove does nothing.
//
// Returns an error if a state has gone already, and removes the rest.
func (sa *SA) Remove(ctx context.Context) error {
	sa.mu.Lock()
	defer sa.mu.Unlock()
	var errs []error
	for _, undo := range slices.Backward(sa.undo) {
		errs = append(errs, undo(ctx))
	}
	sa.undo = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove %s: %w", sa.SAID(), err)
	}
	return nil
}

// identity is what names the state to ip-xfrm(8).
func (sa *SA) identity() []string {
	return []string{"src", sa.Src.String(), "dst", sa.Dst.String(), "proto", sa.Proto,
		"spi", fmt.Sprintf("%#x", sa.SPI)}
}

// state is the whole state in the words of ip-xfrm(8), with new keys.
func (sa *SA) state() []string {
	args := append(sa.identity(), "reqid", strconv.FormatUint(uint64(sa.ReqID), 10), "mode", sa.Mode)
	if sa.Proto != COMP {
		args = append(args, "replay-window", "32")
	}
	if sa.AnyFamily {
		args = append(args, "flag", "af-unspec")
	}
	hmac := []string{"auth-trunc", "hmac(sha256)", key(32), "128"}
	switch {
	case sa.Proto == COMP:
		return append(args, "comp", "deflate")
	case sa.Proto == AH:
		return append(args, hmac...)
	case sa.Suite == CBC:
		return append(append(args, "enc", "cbc(aes)", key(16)), hmac...)
	default:
		return append(args, "aead", "rfc4106(gcm(aes))", key(16+4), "128") // the last 4 are the salt
	}
}

// key is a random key of so many bytes in the words of ip-xfrm(8).
func key(size int) string {
	b := make([]byte, size)
	rand.Read(b)
	return "0x" + hex.EncodeToString(b)
}

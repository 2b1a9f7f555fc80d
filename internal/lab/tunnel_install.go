// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"slices"
	"sync"
)

// SA is an installed [Tunnel] with its defaults filled in.
type SA struct {
	Tunnel

	mu   sync.Mutex
	undo []func() error // in order of installation
}

// Install installs the tunnel's state on both nodes, like a key manager, with random keys, and
// on the receiver in and fwd policies that admit packets of any SA and packets in clear. It installs no out
// policy.
//
// After an error nothing remains. The error is EEXIST if the SPI is in use.
func (t Tunnel) Install() (*SA, error) {
	sa := &SA{Tunnel: t.complete()}
	if err := sa.install(); err != nil {
		return nil, fmt.Errorf("install %s: %w", sa.SAID(), errors.Join(err, sa.Remove()))
	}
	return sa, nil
}

// AddTo installs only the tunnel's state, with other keys, and only on one node.
func (t Tunnel) AddTo(n *Node) error { return newState(t.complete()).add(n) }

func (sa *SA) install() error {
	state := newState(sa.Tunnel)
	for _, n := range []*Node{sa.To, sa.From} {
		if err := state.add(n); err != nil {
			return err
		}
		sa.undo = append(sa.undo, func() error { return state.del(n) })
	}
	if err := sa.To.admit(); err != nil {
		return err
	}
	sa.undo = append(sa.undo, sa.To.dismiss)
	return nil
}

// Remove removes what Install installed; a second Remove does nothing.
//
// Returns an error if a state was already deleted, and removes the rest.
func (sa *SA) Remove() error {
	sa.mu.Lock()
	defer sa.mu.Unlock()
	var errs []error
	for _, undo := range slices.Backward(sa.undo) {
		errs = append(errs, undo())
	}
	sa.undo = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("remove %s: %w", sa.SAID(), err)
	}
	return nil
}

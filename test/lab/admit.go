// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// admission lists the policies that let in what SAs without an if_id brought.
// A packet that an SA in tunnel mode brought needs a policy with a template for
// it; `level use` lets packets in that no SA brought. An all-zero template takes
// any address, SPI and reqid.
func admission() [][]string {
	var policies [][]string
	for _, everything := range []string{"0.0.0.0/0", "::/0"} {
		for _, dir := range []string{"in", "fwd"} {
			policies = append(policies, []string{"src", everything, "dst", everything, "dir", dir})
		}
	}
	return policies
}

// admit sees that the policies are there for one more SA.
func (n *Node) admit(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.admitted == 0 {
		for i, p := range admission() {
			args := slices.Concat([]string{"xfrm", "policy", "add"}, p)
			for _, proto := range []string{ESP, AH, COMP} {
				args = append(args, "tmpl", "proto", proto, "mode", TunnelMode, "level", "use")
			}
			if _, err := n.IP(ctx, args...); err != nil {
				return fmt.Errorf("admit packets: %w", errors.Join(err, n.deletePolicies(ctx, admission()[:i])))
			}
		}
	}
	n.admitted++
	return nil
}

// dismiss removes the policies if no other SA needs them.
func (n *Node) dismiss(ctx context.Context) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.admitted--
	if n.admitted > 0 {
		return nil
	}
	return n.deletePolicies(ctx, admission())
}

func (n *Node) deletePolicies(ctx context.Context, policies [][]string) error {
	var errs []error
	for _, p := range policies {
		_, err := n.IP(ctx, slices.Concat([]string{"xfrm", "policy", "delete"}, p)...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// admission lists the policies that admit packets of inbound SAs without an if_id. A packet from a
// tunnel-mode SA needs a policy with a template that matches. An all-zero template matches any address, SPI
// and reqid; because it is optional (`level use`), packets without an SA are admitted, too.
func admission() []*netlink.XfrmPolicy {
	var policies []*netlink.XfrmPolicy
	for _, unspecified := range []net.IP{net.IPv4zero.To4(), net.IPv6unspecified} {
		var templates []netlink.XfrmPolicyTmpl
		for _, proto := range []netlink.Proto{netlink.XFRM_PROTO_COMP, netlink.XFRM_PROTO_ESP, netlink.XFRM_PROTO_AH} {
			templates = append(templates, netlink.XfrmPolicyTmpl{
				Src: unspecified, Dst: unspecified, Proto: proto, Mode: netlink.XFRM_MODE_TUNNEL, Optional: 1})
		}
		a, _ := netip.AddrFromSlice(unspecified)
		everything := ipNet(netip.PrefixFrom(a, 0))
		for _, dir := range []netlink.Dir{netlink.XFRM_DIR_IN, netlink.XFRM_DIR_FWD} {
			policies = append(policies, &netlink.XfrmPolicy{Src: everything, Dst: everything, Dir: dir, Tmpls: templates})
		}
	}
	return policies
}

// admit installs the policies for one more SA.
func (n *Node) admit() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.admitted == 0 {
		for i, p := range admission() {
			if err := n.nl.XfrmPolicyAdd(p); err != nil {
				err = fmt.Errorf("add policy on %s: %w", n.Name, err)
				return errors.Join(err, n.deletePolicies(admission()[:i]))
			}
		}
	}
	n.admitted++
	return nil
}

// dismiss removes the policies if no other SA needs them.
func (n *Node) dismiss() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.admitted--
	if n.admitted > 0 {
		return nil
	}
	return n.deletePolicies(admission())
}

func (n *Node) deletePolicies(policies []*netlink.XfrmPolicy) error {
	var errs []error
	for _, p := range policies {
		if err := n.nl.XfrmPolicyDel(p); err != nil {
			errs = append(errs, fmt.Errorf("delete policy on %s: %w", n.Name, err))
		}
	}
	return errors.Join(errs...)
}

// SPDX-License-Identifier: Apache-2.0

// Package device attaches and detaches ipsec devices: the virtual device that traffic is routed into, its
// egress program, the fast path on ingress interfaces, and the kernel settings, rules and routes that they
// need.
package device

import "slices"

// Config describes the ipsec device that [Attach] creates.
type Config struct {
	Virtual  string   // name of the ipsec device
	Physical string   // interface through which %pass packets leave, and which is watched unless Routed
	Also     []string // further interfaces that are watched
	Ingress  []string // interfaces with the fast path

	// Routed: only packets that are routed into the ipsec device are matched against the table.
	Routed bool
	// DropUnmatched: watched devices drop packets without an eroute, which else leave as they are.
	DropUnmatched bool
	// Strict: watched devices drop packets that arrive in clear and whose answer the table protects.
	Strict bool
	// Follow: the table has eroutes for the outbound policies of XFRM, see package follow.
	Follow bool
}

// Attachment returns the device that Attach creates, on a kernel with XFRM interfaces.
func (c Config) Attachment() Attachment {
	return Attachment{
		Virtual: c.Virtual, Physical: c.Physical, Also: c.Also, Kind: KindXFRM,
		Watched: !c.Routed, DropUnmatched: c.DropUnmatched,
	}
}

// Attachment describes an attached ipsec device.
type Attachment struct {
	Virtual     string // name of the ipsec device
	Physical    string // name of the interface that %pass traffic leaves through; "" if it is gone
	VirtualMTU  int    // bytes; 0 if the device is gone
	PhysicalMTU int    // bytes; 0 if the interface is gone
	Kind        string // KindXFRM or KindPlain
	Allowed     bool   // XFRM policies let packets that are routed into it reach it
	Ingress     []Ingress

	Watched       bool     // the physical device's egress is watched
	Also          []string // names of further watched interfaces, sorted; "ifindex N" if one is gone
	DropUnmatched bool     // see Config
	Unwatched     []string // names of watched interfaces that were created again, and have no program yet
	Guarded       bool     // what the table protects drops there
	Strict        bool     // see Config
	Follow        bool     // see Config
}

// Watches reports whether an interface is one that the attachment watches, or will again.
func (a *Attachment) Watches(name string) bool {
	return a.Watched && name != "" && (a.Physical == name || slices.Contains(a.Also, name) || slices.Contains(a.Unwatched, name))
}

// Ingress is an interface with the fast path.
type Ingress struct {
	Name string // "ifindex N" if the interface is gone
	Mode string // "xdp" or "tc"
}

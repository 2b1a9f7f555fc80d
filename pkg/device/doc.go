// SPDX-License-Identifier: Apache-2.0

// Package device attaches and detaches ipsec devices: the virtual device that traffic
// is routed into, its egress program, the fast path on ingress interfaces, and what
// the kernel needs to answer rejected packets.
package device

// Attachment is an ipsec device and what it is bound to.
type Attachment struct {
	Virtual     string // name of the ipsec device
	Physical    string // name of the interface that %pass traffic leaves by; "" if it is gone
	VirtualMTU  int    // bytes; 0 if the device is gone
	PhysicalMTU int    // bytes; 0 if the interface is gone
	Kind        string // KindXFRM or KindPlain
	Ingress     []Ingress
}

// Ingress is an interface that has the fast path.
type Ingress struct {
	Name string // "ifindex N" if the interface is gone
	Mode string // "xdp" or "tc"
}

// SPDX-License-Identifier: Apache-2.0

// Package device attaches and detaches ipsec devices: the virtual device that traffic is routed into, its
// egress program, the fast path on ingress interfaces, and the kernel settings, rules and routes that they
// need.
package device

// Attachment describes an attached ipsec device.
type Attachment struct {
	Virtual     string // name of the ipsec device
	Physical    string // name of the interface that %pass traffic leaves through; "" if it is gone
	VirtualMTU  int    // bytes; 0 if the device is gone
	PhysicalMTU int    // bytes; 0 if the interface is gone
	Kind        string // KindXFRM or KindPlain
	Ingress     []Ingress
}

// Ingress is an interface with the fast path.
type Ingress struct {
	Name string // "ifindex N" if the interface is gone
	Mode string // "xdp" or "tc"
}

// SPDX-License-Identifier: Apache-2.0

package device

// ProbeXFRM makes a collect-metadata XFRM interface in the calling thread's network
// namespace, to be called in one that goes away. Returns the kernel's error if it cannot.
func ProbeXFRM() error { return createXFRM("probe") }

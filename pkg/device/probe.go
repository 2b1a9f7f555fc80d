// SPDX-License-Identifier: Apache-2.0

package device

// ProbeXFRM creates a collect-metadata XFRM interface in the calling thread's network namespace, which must be
// a temporary one. It returns the kernel's error if that fails.
func ProbeXFRM() error { return createXFRM("probe") }

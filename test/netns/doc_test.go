// SPDX-License-Identifier: Apache-2.0

// Package netns_test sends real packets through a gateway with an ipsec device, in network namespaces of this
// machine. It needs CAP_SYS_ADMIN, CAP_NET_ADMIN, CAP_NET_RAW and CAP_BPF, but no ESP: Security Associations
// are tested in test/vm.
package netns_test

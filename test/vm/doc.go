// SPDX-License-Identifier: Apache-2.0

// Package vm tests the whole packet path on a kernel that has ESP and XFRM interfaces: East has an ipsec
// device and the eroutes under test, West is a gateway that has only the kernel's own states and policies,
// and a capture on the link between them records what really leaves.
//
// The tests have the build constraint vm: run them with make test-vm PKG=./test/vm.
package vm

// SPDX-License-Identifier: Apache-2.0

// Package vm boots a kernel that has ESP and XFRM interfaces and runs commands in it, on a host with any
// kernel. The guest sees the host's file system read-only, with memory overlays for writes, so that binaries
// built on the host run unchanged.
//
// Tests that need such a kernel have the build constraint vm, in the package they test. Two VMs run them at the same time,
// half of them each, and then one VM runs alone those that measure time or order, which have the directive //vm:alone in
// their doc comment. One without IPv6 runs those named TestNoIPv6. Those named TestNewKernel need a newer kernel than the
// default, and run on one that is named, as in make smoke:
//
//	make test-vm                                    # all of them
//	make test-vm PKG=./pkg/xfrm RUN=TestBind        # one, in a minute
//	go run ./internal/vm/run -- ip -d link              # any command
//
// Files that a test writes to the directory $VM_SCRATCH remain on the host. scripts/setup.sh vm installs what
// booting needs. Software emulation is used if KVM does not work, and several VMs can run at the same time.
package vm

// SPDX-License-Identifier: Apache-2.0

// Package vm boots a kernel that has ESP and XFRM interfaces and runs commands
// in it, whatever kernel the host has. The guest sees the host's file system
// read-only, with memory overlays where programs write, so that binaries built
// on the host run in it as they are.
//
// Tests that need such a kernel carry the build constraint vm, in the package
// they test. One boot runs those of every package:
//
//	make test-vm                                    # all of them
//	make test-vm PKG=./pkg/xfrm RUN=TestBind        # one, in a minute
//	go run ./test/vm/run -- ip -d link              # any command
//
// Files that a test writes to the directory named by $VM_SCRATCH stay on the
// host. scripts/setup.sh vm installs what booting needs. Software emulation is
// used where KVM does not work, and several VMs can run at once.
package vm

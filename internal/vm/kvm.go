// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kvmProbeTimeout suffices for a kernel to boot under KVM until it reports a missing root file system.
const kvmProbeTimeout = 20 * time.Second

// kvmWorks reports whether QEMU can boot the kernel under KVM: some machines have /dev/kvm but refuse QEMU's
// requests. The result is cached until the host is rebooted.
func kvmWorks(ctx context.Context, f files) bool {
	kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return false
	}
	kvm.Close()

	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	memory := filepath.Join(f.dir, "kvm")
	yes, no := "works "+string(id), "does not work "+string(id)
	switch known, _ := os.ReadFile(memory); string(known) {
	case yes:
		return true
	case no:
		return false
	}
	works := probeKVM(ctx, f)
	if ctx.Err() != nil {
		return false
	}
	answer := no
	if works {
		answer = yes
	}
	// The cache only speeds up the next run, so a write error is ignored.
	_ = os.WriteFile(memory, []byte(answer), 0o644)
	return works
}

// probeKVM boots the kernel without a root file system and reports whether it got as far as the error
// message.
func probeKVM(ctx context.Context, f files) bool {
	ctx, cancel := context.WithTimeout(ctx, kvmProbeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, f.qemu(),
		"-accel", "kvm", "-cpu", "host", "-m", "512", "-nodefaults", "-display", "none",
		"-serial", "stdio", "-no-reboot", "-kernel", f.kernel, "-append", "console=ttyS0 panic=-1")
	var console bytes.Buffer
	cmd.Stdout = &console
	return cmd.Run() == nil && strings.Contains(console.String(), "Unable to mount root fs")
}

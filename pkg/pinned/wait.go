// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// WaitForPackets waits until every packet in flight has been classified. Programs run under RCU, and
// MEMBARRIER_CMD_GLOBAL waits for a grace period (kernel/sched/membarrier.c).
func WaitForPackets() error {
	const global = 1
	if _, _, errno := unix.Syscall(unix.SYS_MEMBARRIER, global, 0, 0); errno != 0 {
		return fmt.Errorf("wait for packets in flight: membarrier: %w", errno)
	}
	return nil
}

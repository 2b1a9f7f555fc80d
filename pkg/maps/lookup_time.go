// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// LookupTime runs the kernel program once for each packet, and returns the shortest time; longer ones include
// interruptions. The packets must belong to different flows, so that none hits the cache. Returns 0 if there
// are no packets. Nothing is counted or changed.
func (t *Table) LookupTime(packets []eroute.Packet) (shortest time.Duration, err error) {
	for _, p := range packets {
		frame, err := newFrame(p)
		if err != nil {
			return 0, err
		}
		took, err := pinned.RunTime(t.lookup, frame)
		if err != nil {
			return 0, fmt.Errorf("run lookup program: %w", err)
		}
		if took = max(took, 1); shortest == 0 || took < shortest {
			shortest = took
		}
	}
	return shortest, nil
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/cost"
)

// Expensive is a packet whose lookup takes a long time.
type Expensive struct {
	cost.Worst
	Measured time.Duration // by the kernel's program; 0: not measured
}

// isOver reports whether the packet's lookup takes longer than the limit of its family. It uses the measured time
// if there is one.
func (e *Expensive) isOver() bool {
	limit := cost.Limit4
	if e.Packet.Src.Is6() {
		limit = cost.Limit6
	}
	if e.Measured > 0 {
		return e.Measured > limit
	}
	return e.AtMost > limit
}

var costCheck = check{"cost", "no packet takes long to look up", table, func(f *Facts) (found []Finding) {
	for i := range f.Table.Expensive {
		e := &f.Table.Expensive[i]
		if !e.isOver() {
			continue
		}
		took := e.Time
		if e.Measured > 0 {
			took = e.Measured
		}
		found = append(found, Finding{
			Level: Note, Text: e.Describe(took),
			Cost:   fmt.Sprintf("whoever sends such packets keeps a CPU busy with %d of them a second", time.Second/max(took, 1)),
			Remedy: "use fewer source prefixes that contain each other, or fewer prefix lengths and port selectors in their eroutes",
		})
	}
	return found
}}

// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// maxNamed is the maximum number of sources in a description.
const maxNamed = 3

// Describe describes the packet, its lookup time, and the sources that the lookup visits.
func (w *Worst) Describe(took time.Duration) string {
	if len(w.Sources) == 0 {
		return fmt.Sprintf("a packet may take up to %v to look up: too many nested sources to say which", round(w.AtMost))
	}
	eroutes := 0
	var named []string
	for i, s := range w.Sources {
		eroutes += s.Eroutes
		if i < maxNamed {
			named = append(named, s.Prefix.String())
		}
	}
	more := ""
	if n := len(w.Sources) - maxNamed; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("a packet %s takes about %v to look up: %d lookups in %d eroutes of %d nested sources, %s%s",
		packetText(&w.Packet), round(took), w.Lookups, eroutes, len(w.Sources), strings.Join(named, ", "), more)
}

func round(d time.Duration) time.Duration { return d.Round(time.Microsecond) }

// packetText formats a packet as options of --lookup.
func packetText(p *eroute.Packet) string {
	if p.SrcPort == 0 {
		return fmt.Sprintf("%v -> %v protocol %d", p.Src, p.Dst, p.Proto)
	}
	return fmt.Sprintf("%v -> %v protocol %d", netip.AddrPortFrom(p.Src, p.SrcPort), netip.AddrPortFrom(p.Dst, p.DstPort), p.Proto)
}

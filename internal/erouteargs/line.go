// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"fmt"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// AddLine returns the line of a batch that adds an eroute.
func AddLine(e *eroute.Eroute) string {
	s := e.Selector
	line := []string{"--add", "--src", s.Src.String(), "--dst", s.Dst.String()}
	add := func(option string, n uint32) {
		if n != 0 {
			line = append(line, option, fmt.Sprint(n))
		}
	}
	add("--transport-proto", uint32(s.Proto))
	add("--src-port", uint32(s.SrcPort))
	add("--dst-port", uint32(s.DstPort))
	list, spread, group := strings.Cut(e.SAID.String(), "/")
	line = append(line, "--said", list)
	if group {
		spread, after, later := strings.Cut(spread, "/")
		line = append(line, "--spread", spread)
		if later {
			line = append(line, "--return-after", after)
		}
	}
	if a := e.Acquire; a != (eroute.AcquireParams{}) && a != eroute.DefaultAcquire {
		line = append(line, "--acquire-mode", a.Mode.String(), "--acquire-proto", eroute.ProtocolName(a.Proto))
		if a.Peer.IsValid() {
			line = append(line, "--acquire-peer", a.Peer.String())
		}
		add("--acquire-reqid", a.ReqID)
		if a.Spread != 0 {
			line = append(line, "--acquire-spread", a.Spread.String())
		}
	}
	return strings.Join(line, " ")
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// nearEnd is the share of a limit from which on an SA is about to end.
const nearEnd = 0.9

var lifetimeCheck = check{"lifetime", "no SA expires soon without a successor", lives, func(f *Facts) (found []Finding) {
	newest := make(map[succession]uint64)
	for _, l := range f.Lives {
		newest[successionOf(l)] = max(newest[successionOf(l)], l.Added)
	}
	for _, l := range f.Lives {
		if l.ReqID != 0 && newest[successionOf(l)] > l.Added {
			continue // it was rekeyed
		}
		if text := ending(l); text != "" {
			found = append(found, Finding{
				Level: Problem, Subject: l.StateKey.String(), Text: fmt.Sprintf("%s %s", l.StateKey, text),
				Cost:   "its packets are dropped after that",
				Remedy: "rekey it: check why the key manager has not",
			})
		}
	}
	return found
}}

// succession is what an SA and the one that it is rekeyed by have in common. Key managers
// give both a reqid.
type succession struct {
	key   xfrm.StateKey // without SPI
	src   string
	mode  xfrm.Mode
	reqid uint32
}

func successionOf(l xfrm.Span) succession {
	key := l.StateKey
	key.SPI = 0
	return succession{key, l.Src.String(), l.Mode, l.ReqID}
}

// ending says what an SA is about to run out of; "" if of nothing.
func ending(l xfrm.Span) string {
	for _, limit := range []struct {
		xfrm.Limit
		unit string
	}{
		{l.Bytes, "bytes"}, {l.Packets, "packets"},
	} {
		if near(limit.Limit) {
			return fmt.Sprintf("has processed %d %s of %d", limit.Used, limit.unit, limit.Hard)
		}
	}
	for _, limit := range []xfrm.Limit{l.Age, l.Use} {
		if near(limit) {
			left := time.Duration(limit.Hard-min(limit.Used, limit.Hard)) * time.Second
			return fmt.Sprintf("expires in %s", left)
		}
	}
	if near(l.Sequence) {
		how := "32-bit"
		if l.ESN {
			how = "extended"
		}
		return fmt.Sprintf("has used %d of %d %s sequence numbers", l.Sequence.Used, l.Sequence.Hard, how)
	}
	return ""
}

// near tells whether what is limited is nearly used up: the key manager was told, if it
// was to be, and little is left.
func near(l xfrm.Limit) bool {
	return l.Hard != 0 && l.Used >= l.Soft && float64(l.Used) >= nearEnd*float64(l.Hard)
}

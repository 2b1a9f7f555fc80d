// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// nearEnd is the used share of a limit at which an SA is reported as expiring.
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

// succession identifies an SA across rekeys: its key without the SPI, and the reqid, which key managers keep.
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

// ending names the limit that an SA is about to reach; "" if none.
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

// near reports whether a limit is nearly reached: the soft limit, if any, has passed, and little is left.
func near(l xfrm.Limit) bool {
	return l.Hard != 0 && l.Used >= l.Soft && float64(l.Used) >= nearEnd*float64(l.Hard)
}

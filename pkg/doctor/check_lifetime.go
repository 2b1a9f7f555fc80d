// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// nearEnd is the used share of a limit at which an SA is reported as expiring.
const nearEnd = 0.9

var lifetimeCheck = check{"lifetime", "no SA expires soon without a successor", usages, func(f *Facts) (found []Finding) {
	newest := make(map[succession]uint64)
	for _, u := range f.Usages {
		newest[successionOf(u)] = max(newest[successionOf(u)], u.Added)
	}
	for _, u := range f.Usages {
		if u.ReqID != 0 && newest[successionOf(u)] > u.Added {
			continue // it was rekeyed
		}
		if text := ending(u); text != "" {
			found = append(found, Finding{
				Level: Problem, Subject: u.StateKey.String(), Text: fmt.Sprintf("%s %s", u.StateKey, text),
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

func successionOf(u xfrm.Usage) succession {
	key := u.StateKey
	key.SPI = 0
	return succession{key, u.Src.String(), u.Mode, u.ReqID}
}

// ending names the limit that an SA is about to reach; "" if none.
func ending(u xfrm.Usage) string {
	for _, limit := range []struct {
		xfrm.Limit
		unit string
	}{
		{u.Bytes, "bytes"}, {u.Packets, "packets"},
	} {
		if near(limit.Limit) {
			return fmt.Sprintf("has processed %d %s of %d", limit.Used, limit.unit, limit.Hard)
		}
	}
	for _, limit := range []xfrm.Limit{u.Age, u.Use} {
		if near(limit) {
			left := time.Duration(limit.Hard-min(limit.Used, limit.Hard)) * time.Second
			return fmt.Sprintf("expires in %s", left)
		}
	}
	if near(u.Sequence) {
		how := "32-bit"
		if u.ESN {
			how = "extended"
		}
		return fmt.Sprintf("has used %d of %d %s sequence numbers", u.Sequence.Used, u.Sequence.Hard, how)
	}
	return ""
}

// near reports whether a limit is nearly reached: the soft limit, if any, has passed, and little is left.
func near(l xfrm.Limit) bool {
	return l.Hard != 0 && l.Used >= l.Soft && float64(l.Used) >= nearEnd*float64(l.Hard)
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

func TestSameReqID(t *testing.T) {
	usages := make([]xfrm.Usage, maxSameReqID)
	for i := range usages {
		usages[i] = fresh(uint32(0x100+i), 100)
	}
	checkFindings(t, sameReqIDCheck, &Facts{Usages: usages}, want{Note, "192.0.2.2", "1000 SAs from 192.0.2.1 to 192.0.2.2 have the same reqid 7"})
	usages[0].ReqID++
	checkFindings(t, sameReqIDCheck, &Facts{Usages: usages})
}

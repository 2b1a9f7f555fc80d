// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink/nl"
)

// TestLifetime checks that a state ends at the first of its hard limits that is set.
func TestLifetime(t *testing.T) {
	limits := func(bytes, packets, added, used uint64) nl.XfrmLifetimeCfg {
		return nl.XfrmLifetimeCfg{
			HardByteLimit: bytes, HardPacketLimit: packets, SoftByteLimit: 1, SoftPacketLimit: 1,
			HardAddExpiresSeconds: added, HardUseExpiresSeconds: used, SoftAddExpiresSeconds: 1, SoftUseExpiresSeconds: 1,
		}
	}
	for name, test := range map[string]struct {
		limits nl.XfrmLifetimeCfg
		so     nl.XfrmLifetimeCur
		want   Lifetime
	}{
		"no limits": {limits(nl.XFRM_INF, nl.XFRM_INF, 0, 0), nl.XfrmLifetimeCur{Bytes: 20, Packets: 2, AddTime: 1000, UseTime: 1001}, Lifetime{Bytes: 20, Packets: 2}},
		"amounts":   {limits(5000, 50, 0, 0), nl.XfrmLifetimeCur{AddTime: 1000}, Lifetime{MaxBytes: 5000, MaxPackets: 50}},
		"not used":  {limits(nl.XFRM_INF, nl.XFRM_INF, 3600, 60), nl.XfrmLifetimeCur{AddTime: 1000}, Lifetime{Expires: time.Unix(4600, 0)}},
		"used":      {limits(nl.XFRM_INF, nl.XFRM_INF, 3600, 60), nl.XfrmLifetimeCur{AddTime: 1000, UseTime: 1100}, Lifetime{Expires: time.Unix(1160, 0)}},
		"used late": {limits(nl.XFRM_INF, nl.XFRM_INF, 3600, 60), nl.XfrmLifetimeCur{AddTime: 1000, UseTime: 4590}, Lifetime{Expires: time.Unix(4600, 0)}},
	} {
		m := stateMessage{info: &nl.XfrmUsersaInfo{Lft: test.limits, Curlft: test.so}}
		got := m.lifetime(time.Unix(1000, 0))
		if diff := cmp.Diff(test.want, got, compareStates); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package ns_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/test/lab"
)

// What attach has made is gone after detach: device, rules, routes, policies.
func TestDetachLeavesNoTrace(t *testing.T) {
	g := &gateway{newLab(t), "egress"}
	t.Cleanup(func() { g.remove(t) })
	traces := func() string {
		t.Helper()
		var all []string
		for _, command := range []string{
			"-o link show type tun", "-4 rule show", "-6 rule show", "-4 route show table all", "-6 route show table all", "xfrm policy",
		} {
			out, err := g.East.IP(t.Context(), strings.Fields(command)...)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, "ip "+command, out)
		}
		return strings.Join(all, "\n")
	}
	before := traces()
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	if traces() == before {
		t.Error("attach left no trace: there is nothing to compare")
	}
	if err := g.detach(ipsec0); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, traces()); diff != "" {
		t.Errorf("after detach (-before +after):\n%s", diff)
	}
}

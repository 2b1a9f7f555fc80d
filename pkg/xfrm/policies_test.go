// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/vishvananda/netlink/nl"
)

var comparePolicies = cmp.Options{cmp.AllowUnexported(Policy{}), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})}

// wholePolicies are policies made with ip-xfrm(8). testdata has the kernel's message for each.
var wholePolicies = []struct {
	name, add string
	want      Policy
}{
	{
		"policy-block", "src 10.1.0.0/16 dst 10.2.0.0/16 dir out action block priority 5",
		Policy{Dir: Out, Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16"), Priority: 5, Block: true},
	},
	{
		"policy-allow-mark", "src 2001:db8:1::/48 dst ::/0 dir fwd priority 6 mark 5 mask 0xff",
		Policy{Dir: Forward, Src: netip.MustParsePrefix("2001:db8:1::/48"), Dst: netip.MustParsePrefix("::/0"), Priority: 6, Mark: 5, Mask: 0xff},
	},
	{
		"policy-ports", "src 10.1.0.0/16 dst 10.2.0.0/16 dev lo proto tcp dport 25 dir out priority 7 if_id 0x9 limit time-hard 3600",
		Policy{
			Dir: Out, Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16"), Proto: 6,
			DstPort: PortMask{25, 0xffff}, Priority: 7, Ifindex: 1, IfID: 9, Ends: true,
		},
	},
	{
		"policy-bundle", "src 10.1.0.0/16 dst 10.3.0.0/16 dir out priority 8" +
			" tmpl src 0.0.0.0 dst 0.0.0.0 proto comp mode transport level use" +
			" tmpl src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x135 reqid 42 mode tunnel",
		Policy{
			Dir: Out, Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.3.0.0/16"), Priority: 8,
			Templates: []Template{
				{Src: netip.IPv4Unspecified(), Dst: netip.IPv4Unspecified(), Proto: 108, Optional: true},
				{Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"), Proto: 50, Mode: ModeTunnel, SPI: 0x135, ReqID: 42},
			},
		},
	},
	{
		"policy-ours", "src 0.0.0.0/0 dst 0.0.0.0/0 dir out priority 1 if_id 0x65000007",
		Policy{
			Dir: Out, Src: netip.MustParsePrefix("0.0.0.0/0"), Dst: netip.MustParsePrefix("0.0.0.0/0"), Priority: 1,
			IfID: testIfID, ours: true,
		},
	},
}

// TestPolicies checks that policies are parsed as they were made, from the running kernel's messages and from
// recorded ones.
func TestPolicies(t *testing.T) {
	h := newNamespace(t)
	for _, p := range wholePolicies {
		ip(t, "xfrm policy add "+p.add)
	}
	if err := h.AllowDevice(1); err != nil {
		t.Fatal(err)
	}
	var messages [][]byte
	err := h.dump(request{msgType: nl.XFRM_MSG_GETPOLICY}, nl.XFRM_MSG_NEWPOLICY, func(msg []byte) error {
		messages = append(messages, slices.Clone(msg))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := h.Policies()
	if err != nil || len(all) != len(messages) || len(all) != len(wholePolicies)+2 {
		t.Fatalf("%d policies, %v", len(all), err)
	}
	for _, p := range wholePolicies {
		i := slices.IndexFunc(all, func(have Policy) bool { return have.Priority == p.want.Priority && have.Ifindex == p.want.Ifindex })
		if i < 0 {
			t.Errorf("no %s", p.name)
			continue
		}
		if diff := cmp.Diff(p.want, all[i], comparePolicies); diff != "" {
			t.Errorf("%s, from the kernel:\n%s", p.name, diff)
		}
		if *update {
			writeHex(t, p.name, "Linux 6.18 dump: "+p.add, messages[i])
		}
		if m, err := parsePolicy(readHex(t, p.name)); err != nil || cmp.Diff(p.want, m.whole(), comparePolicies) != "" {
			t.Errorf("%s, from testdata: %v\n%s", p.name, err, cmp.Diff(p.want, m.whole(), comparePolicies))
		}
	}
	own := 0
	for _, p := range all {
		if p.Ours() {
			own++
		}
	}
	if own != 3 {
		t.Errorf("%d policies are ours, want 3", own)
	}
	if _, err := parsePolicy(make([]byte, 20)); err == nil {
		t.Error("no error for a message that is cut short")
	}
}

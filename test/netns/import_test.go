// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// Eroutes imported from policies of ip-xfrm(8) decide as these do. Policies that cannot be
// imported are reported.
func TestImport(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newDetached(t)
	pings := func(when string) (answered [2]int) {
		t.Helper()
		for i, f := range g.families() {
			r, err := g.EastHost.Ping(t.Context(), lab.Ping{Dst: f.westHost, Count: 2})
			if err != nil {
				t.Fatalf("%s: %v", when, err)
			}
			answered[i] = r.Received
		}
		return answered
	}
	for _, policy := range []string{
		"src 192.0.2.0/24 dst 192.0.1.0/24 dir out action block priority 10",
		"src 0.0.0.0/0 dst 192.0.0.0/16 dir out priority 20",
		"src 2001:db8::/32 dst 2001:db8::/32 dir out priority 20",
		"src 10.0.0.0/8 dst 10.0.0.0/8 proto tcp dport 25 dir out action block priority 7",
		"src 10.0.0.0/8 dst 10.0.0.0/8 dir out priority 8 mark 5 mask 0xff",
		"src 10.0.0.0/8 dst 10.9.0.0/16 dir out priority 9 tmpl dst 192.1.2.45 proto esp reqid 1 mode tunnel",
		"src 10.0.0.0/8 dst 10.8.0.0/16 dir out priority 9 tmpl src 192.1.2.23 dst 192.1.2.45 proto esp spi 0x1000 mode tunnel",
		"src 192.0.1.0/24 dst 192.0.2.0/24 dir fwd priority 9",
	} {
		g.ip(t, "xfrm policy add "+policy)
	}
	before := pings("by policies")
	stdout, stderr, err := g.command(t, path, "eroute --import-xfrm")
	if err != nil {
		t.Fatal(err)
	}
	wantOut := `--add --src 0.0.0.0/0 --dst 192.0.0.0/16 --said %pass
--add --src 10.0.0.0/8 --dst 10.0.0.0/8 --transport-proto 6 --dst-port 25 --said %drop
--add --src 10.0.0.0/8 --dst 10.8.0.0/16 --said tun0x1000@192.1.2.45
--add --src 192.0.2.0/24 --dst 192.0.1.0/24 --said %drop
--add --src 2001:db8::/32 --dst 2001:db8::/32 --said %pass
`
	if stdout != wantOut {
		t.Errorf("%s\nwant\n%s", stdout, wantOut)
	}
	for _, want := range []string{
		"ipsec eroute: policy 10.0.0.0/8 -> 10.0.0.0/8 priority 8: not imported: marks (0x5/0xff) are not supported\n",
		"ipsec eroute: policy 10.0.0.0/8 -> 10.9.0.0/16 priority 9: not imported: no SA matches its template (esp in tunnel mode to 192.1.2.45, reqid 1)\n",
		"ipsec eroute: policy 10.0.0.0/8 -> 10.0.0.0/8 proto 6 dport 25 priority 7: as eroutes, policy 10.0.0.0/8 -> 10.8.0.0/16 priority 9 takes precedence for packets that match both, although the priorities are the other way round\n",
		"ipsec eroute: ignored forward policies: 1\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in\n%s", want, stderr)
		}
	}
	if n := strings.Count(stderr, "\n"); n != 4 {
		t.Errorf("%d lines:\n%s", n, stderr)
	}

	g.ip(t, "xfrm policy flush")
	cmd := g.East.Command(t.Context(), path, "eroute", "--batch", "-")
	cmd.Stdin = strings.NewReader(stdout)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	g.route(t)
	if after := pings("by eroutes"); after != before || before != [2]int{0, 2} {
		t.Errorf("%v pings answered by policies, %v by eroutes, want 0 of IPv4 and 2 of IPv6", before, after)
	}
	for range 2 { // the command's own policies are not converted
		_, stderr, err = g.command(t, path, "eroute --import-xfrm")
	}
	if err != nil {
		t.Errorf("%v: %s", err, stderr)
	}
}

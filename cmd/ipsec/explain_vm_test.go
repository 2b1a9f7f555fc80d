// SPDX-License-Identifier: Apache-2.0

//go:build vm

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testlab"
)

// TestExplainKernel runs --explain on a gateway with a tunnel: it checks the state, whether it is in use, the
// route of its packets, and the output after the state is deleted.
func TestExplainKernel(t *testing.T) {
	l := testlab.New(t, "explain")
	ipsec := func(args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		e := systemEnv()
		e.stdout, e.stderr = &stdout, &stderr
		var status int
		err := l.East.Do(func() error {
			status = run(context.Background(), e, args)
			return nil
		})
		if err != nil || status != 0 {
			t.Fatalf("%q: status %d, %v: %s", args, status, err, stderr.String())
		}
		return stdout.String()
	}
	explain := func(want ...string) {
		t.Helper()
		got := ipsec("eroute", "--lookup", "--src", l.EastHost.LAN4.String(), "--dst", l.WestHost.LAN4.String(), "--explain")
		for _, line := range want {
			if !strings.Contains(got, line) {
				t.Errorf("%q is not in\n%s", line, got)
			}
		}
		t.Log("\n" + got)
	}
	ipsec("tncfg", "--attach", "--virtual", "ipsec0", "--physical", lab.WAN)
	t.Cleanup(func() { ipsec("tncfg", "--clear") })
	ipsec("eroute", "--add", "--src", lab.EastLAN4.String(), "--dst", lab.WestLAN4.String(), "--said", "%pass")
	explain("\n  route    via "+l.West.WAN4.String()+" dev wan, which is watched\n", "\n  verdict  sent, counted as \"pass\": via "+l.West.WAN4.String()+" dev wan; in clear\n")

	sa, err := lab.Tunnel{From: l.East, To: l.West}.Install()
	if err != nil {
		t.Fatal(err)
	}
	ipsec("eroute", "--replace", "--src", lab.EastLAN4.String(), "--dst", lab.WestLAN4.String(), "--said", sa.TunSAID())
	explain("\n  SA       esp spi ", ", tunnel mode, ", " if_id 0x65000000, ", ", 0 packets, 0 bytes, does not expire\n",
		"\n  verdict  sent, counted as \"sa\": dev wan; through ipsec0, without a route into it, encapsulated by XFRM in tunnel mode\n")

	if err := sa.Remove(); err != nil {
		t.Fatal(err)
	}
	explain("\n  SA       no such outbound state in XFRM\n", "\n  verdict  dropped, counted as \"sa-missing\"\n")
}

// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// tncfg can be killed at any step: the next one can create the device, which works, and its removal leaves
// nothing of either.
func TestKilledTncfg(t *testing.T) {
	const kills = 6
	path := testenv.Ipsec(t)
	g := newDetached(t)
	run := func(args string) {
		t.Helper()
		if _, stderr, err := g.command(t, path, args); err != nil {
			t.Fatalf("ipsec %s: %v, %s", args, err, stderr)
		}
	}
	const attach = "tncfg --attach --virtual ipsec0 --physical wan --ingress lan"
	before, begin := g.traces(t), time.Now()
	run(attach)
	took := time.Since(begin)
	run("tncfg --clear")
	g.unchanged(t, before)
	killed := map[string]int{}
	for n := range kills {
		args := []string{attach, "tncfg --detach --virtual ipsec0", "tncfg --upgrade"}[n%3]
		if n%3 > 0 {
			run(attach)
		}
		cmd := g.East.Command(context.Background(), path, strings.Fields(args)...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took))))
		_ = cmd.Process.Kill()
		if cmd.Wait() != nil {
			killed[args]++
		}
		run("tncfg --clear")
		run(attach)
		if n%3 == 0 {
			g.passes(t)
			g.only(t)
		}
		run("tncfg --detach --virtual ipsec0")
		g.unchanged(t, before)
	}
	t.Logf("killed: %v", killed)
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestExplainCPU checks the explanation of a group by CPU, on a machine with CPUs 0, 1, 3 and 4: an SA for two of them, and
// one, or none, that is bound to no CPU. The verdict is that of a CPU where the packet fares worst.
func TestExplainCPU(t *testing.T) {
	zero, three, other, ended := testSAID, testSAID, testSAID, testSAID
	zero.SPI, three.SPI, ended.SPI = 0x2000, 0x2003, 0x3000
	for name, c := range map[string]struct {
		members       []eroute.SAID
		member        []string
		verdict, json string
	}{
		"all": {
			[]eroute.SAID{zero, three, other},
			[]string{"on CPU 0: tun0x2000@192.0.2.2, which is bound to it", "on CPU 1,4: tun0x1000@192.0.2.2, the first that is bound to no CPU", "on CPU 3: tun0x2003@192.0.2.2, which is bound to it"},
			"on CPU 0: sent, ", `"members":[{"cpus":[0],"said":"tun0x2000@192.0.2.2","bound":true},{"cpus":[1,4],"said":"tun0x1000@192.0.2.2","bound":false},`,
		},
		"the fallback has ended": {
			[]eroute.SAID{zero, three, ended},
			[]string{"on CPU 0: tun0x2000@192.0.2.2, which is bound to it", "on CPU 1,4: no SA is ready; the first is tun0x3000@192.0.2.2", "on CPU 3: tun0x2003@192.0.2.2, which is bound to it"},
			`on CPU 1: dropped, counted as "sa-missing"`, `"cpu":1,`,
		},
		"no fallback": {
			[]eroute.SAID{zero, three},
			[]string{"on CPU 0: tun0x2000@192.0.2.2, which is bound to it", "on CPU 1,4: none", "on CPU 3: tun0x2003@192.0.2.2, which is bound to it"},
			`on CPU 1: dropped, counted as "sa-missing"; all SAs of the group are set aside or bound to other CPUs`, `{"cpus":[1,4],"bound":false}`,
		},
		"%trap": {
			[]eroute.SAID{zero, eroute.Trap},
			[]string{"on CPU 0: tun0x2000@192.0.2.2, which is bound to it", "on CPU 1,3-4: %trap: no SA is ready"},
			`on CPU 1: kept, counted as "trap"`, `{"cpus":[1,3,4],"said":"%trap","bound":false}`,
		},
		"only the fallback": {
			[]eroute.SAID{other, ended},
			[]string{"tun0x1000@192.0.2.2, the first that is bound to no CPU"},
			"sent, ", `"members":[{"cpus":[0,1,3,4],"said":"tun0x1000@192.0.2.2","bound":false}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			group, err := eroute.NewGroup(eroute.SpreadCPU, c.members...)
			if err != nil {
				t.Fatal(err)
			}
			m := newGateway(t, group)
			for said, cpu := range map[eroute.SAID]uint32{zero: 0, three: 3} {
				life := testLifetime
				life.SPI, life.OneCPU, life.CPU = said.SPI, true, cpu
				m.kernel.sas[said], m.kernel.ready[said] = life, true
			}
			packet := []string{"10.1.0.1", "10.2.0.1"}
			if got := explainLines(t, m, "member", packet...); !slices.Equal(got, c.member) {
				t.Errorf("%q, want %q", got, c.member)
			}
			if got := explainLines(t, m, "verdict", packet...); len(got) != 1 || !strings.HasPrefix(got[0], c.verdict) {
				t.Errorf("%q, want %q", got, c.verdict)
			}
			status, stdout, stderr := runMemory(m, strings.Join(packet, " "), "eroute", "--lookup", "--batch", "-", "--explain", "--json")
			if status != 0 || stderr != "" || !strings.Contains(stdout, c.json) {
				t.Errorf("status %d, %s%s, want %s", status, stderr, stdout, c.json)
			}
			if err := schema.Check([]byte(stdout)); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestExplainBoundAlone checks the explanation of an SA that is bound to a CPU in an eroute of its own: packets drop.
func TestExplainBoundAlone(t *testing.T) {
	m := newGateway(t, testSAID)
	life := testLifetime
	life.OneCPU, life.CPU = true, 1
	m.kernel.sas[testSAID] = life
	packet := []string{"10.1.0.1", "10.2.0.1"}
	if got := explainLines(t, m, "SA", packet...); len(got) != 1 || !strings.Contains(got[0], "is bound to CPU 1, which only --spread cpu can use: not supported") {
		t.Errorf("%q", got)
	}
	if got, want := explainLines(t, m, "verdict", packet...), `dropped, counted as "sa-missing"`; !slices.Equal(got, []string{want}) {
		t.Errorf("%q, want %q", got, want)
	}
}

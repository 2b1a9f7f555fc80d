// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/bpf"
)

// TestABI checks that the constants equal those of the kernel programs.
func TestABI(t *testing.T) {
	if IfIDBase != uint32(bpf.ABILimitsIF_ID_BASE) || MaxSAs != uint32(bpf.ABILimitsEROUTE_MAX_SAS) {
		t.Errorf("the programs have %#x and %d, not %#x and %d", bpf.ABILimitsIF_ID_BASE, bpf.ABILimitsEROUTE_MAX_SAS, IfIDBase, MaxSAs)
	}
}

func TestParseCounters(t *testing.T) {
	got, err := parseCounters(strings.NewReader("XfrmInError             \t0\nXfrmOutNoStates         \t18446744073709551615\n"))
	want := map[string]uint64{"XfrmInError": 0, "XfrmOutNoStates": 1<<64 - 1}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for _, text := range []string{"XfrmInError\n", "XfrmInError -1\n", "\n", "XfrmInError 1 2\n"} {
		if got, err := parseCounters(strings.NewReader(text)); err == nil {
			t.Errorf("parseCounters(%q) = %v, want an error", text, got)
		}
	}
}

// TestCounters checks that the counters are those of the thread's namespace: all zero in a new one.
func TestCounters(t *testing.T) {
	newNamespace(t)
	counters, err := Counters()
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := counters["XfrmOutPolError"]; !ok || n != 0 {
		t.Errorf("XfrmOutPolError = %d, %v, want 0", n, ok)
	}
}

// TestESPAvailable checks that the probe works and does not change the calling thread's namespace.
func TestESPAvailable(t *testing.T) {
	newNamespace(t)
	before, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ESPAvailable(); err != nil {
		t.Error(err)
	}
	if after, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || after != before {
		t.Errorf("namespace %s, %v; want %s", after, err, before)
	}
	if left := ip(t, "xfrm state"); left != "" {
		t.Errorf("states left:\n%s", left)
	}
}

func TestStrings(t *testing.T) {
	s := tunnel(0x135)
	for got, want := range map[string]string{
		(IPv4 | IPv6).String():            "IPv4+IPv6",
		Families(0).String():              "none",
		ModeTunnel.String():               "tunnel",
		Mode(9).String():                  "mode 9",
		s.StateKey.String():               "esp spi 0x135 dst 192.0.2.2",
		StateKey{4, 1, s.Src}.String():    "protocol 4 spi 0x1 dst 192.0.2.1",
		fmt.Sprint(FamilyOf(s.Dst), IPv6): "IPv4 IPv6",
		fmt.Sprint(State{}.carries(IPv4)): "protocol 0 in transport mode over none carries none only, not IPv4: not supported",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netns"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestDiffWitnesses checks witnesses of random differences with the kernel program: the verdicts of --lookup, with
// the first table and with the second, must equal those of --diff.
func TestDiffWitnesses(t *testing.T) {
	k := &kernel{}
	var err error
	inThread(func() { k.ns, err = netns.New() })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.remove)
	on := func(stdin string, args ...string) string {
		t.Helper()
		var out, errs bytes.Buffer
		e := testEnv(strings.NewReader(stdin), &out, &errs)
		k.openers(e)
		status := 0
		k.do(func() { status = run(context.Background(), e, args) })
		if status != 0 {
			t.Fatal(errs.String())
		}
		return out.String()
	}
	total := 0
	for seed := range uint64(4) {
		before, after := randomTables(rand.New(rand.NewPCG(seed, 7)))
		on(before, "eroute", "--restore", "-")
		var document struct {
			Diff struct {
				Changes []struct {
					Example struct {
						Src, Dst string
						Proto    uint8
						SrcPort  uint16 `json:"src_port"`
						DstPort  uint16 `json:"dst_port"`
					}
					FromSAID string `json:"from_said"`
					ToSAID   string `json:"to_said"`
				}
			}
		}
		if err := json.Unmarshal([]byte(on(after, "eroute", "--diff", "running", "-", "--json")), &document); err != nil {
			t.Fatal(err)
		}
		var packets strings.Builder
		for _, c := range document.Diff.Changes {
			w := c.Example
			fmt.Fprintln(&packets, w.Src, w.Dst, w.Proto, w.SrcPort, w.DstPort)
		}
		old := lookupSAIDs(t, on(packets.String(), "eroute", "--lookup", "--batch", "-", "--json"))
		on(after, "eroute", "--restore", "-")
		now := lookupSAIDs(t, on(packets.String(), "eroute", "--lookup", "--batch", "-", "--json"))
		for i, c := range document.Diff.Changes {
			if old[i] != c.FromSAID || now[i] != c.ToSAID {
				t.Errorf("%+v: --lookup says %q, then %q", c, old[i], now[i])
			}
		}
		total += len(document.Diff.Changes)
	}
	if t.Logf("%d witnesses", total); total < 100 {
		t.Error("that tests little")
	}
}

// lookupSAIDs returns the SAIDs in the output of --lookup, "" for no match.
func lookupSAIDs(t *testing.T, text string) (saids []string) {
	var document struct{ Lookups []*struct{ SAID string } }
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	for _, e := range document.Lookups {
		said := ""
		if e != nil {
			said = e.SAID
		}
		saids = append(saids, said)
	}
	return saids
}

// randomTables returns two tables in the format of --save, of nested prefixes and ports of both families, with
// half of their eroutes in common.
func randomTables(r *rand.Rand) (before, after string) {
	prefix := func(v6 bool) netip.Prefix {
		b := [16]byte{10, 10, 10, 10}
		b[r.IntN(4)] |= 0x80
		a := netip.AddrFrom4([4]byte(b[:]))
		if v6 {
			a = netip.AddrFrom16(b)
		}
		return netip.PrefixFrom(a, r.IntN(33)).Masked()
	}
	saids := []string{"%pass", "%drop", "%reject", "%trap", "%trapsubnet", "%pass", "tun0x1000@192.0.2.1", "esp0x1001@192.0.2.1", "tun0x1002@2001:db8::1"}
	known := map[eroute.Selector]bool{}
	for range 120 {
		v6 := r.IntN(2) == 0
		s := eroute.Selector{Src: prefix(v6), Dst: prefix(v6), Proto: []uint8{0, 0, 1, 6, 17}[r.IntN(5)]}
		if s.Proto > 1 {
			s.SrcPort, s.DstPort = uint16(r.IntN(3)), uint16(r.IntN(3))
		}
		if known[s] {
			continue
		}
		known[s] = true
		line := fmt.Sprintf("--add --src %s --dst %s --transport-proto %d --src-port %d --dst-port %d --said ", s.Src, s.Dst, s.Proto, s.SrcPort, s.DstPort)
		said, way := saids[r.IntN(len(saids))], r.IntN(6)
		if way != 0 {
			before += line + said + "\n"
		}
		if way == 1 {
			said = saids[r.IntN(len(saids))]
		}
		if way != 2 {
			after += line + said + "\n"
		}
	}
	return before, after
}

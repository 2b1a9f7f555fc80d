// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/sas"
)

// TestAnswerWithoutRoom checks that a flow for whose group there is no room uses one SA, that one for whose SA there is
// none keeps its hold, and that the flows after them are answered, without a repair.
func TestAnswerWithoutRoom(t *testing.T) {
	a, b, c := sa(eroute.ProtoESP, 0x1001), sa(eroute.ProtoESP, 0x1002), sa(eroute.ProtoESP, 0x1003)
	g := newGrouped(t, eroute.SpreadFlow, a, b)
	trap := sel("10.3.0.0/16", "10.4.0.0/16")
	mustApply(t, g.Table, &eroute.Linear{}, eroute.Change{Op: eroute.OpAdd, Selector: trap, SAID: eroute.Trap})
	value, _, err := g.gen.Entry(trap)
	if err != nil {
		t.Fatal(err)
	}
	var holds []abi.FlowID
	for i := range 3 {
		holds = append(holds, makeHold(t, g.Table, sel(fmt.Sprintf("10.3.0.%d/32", i), "10.4.0.1/32"), abi.Entry{Selector: trap, Value: *value}))
	}
	fill := func(name string) *pinned.Bitmap {
		bits, err := pinned.OpenBitmap(g.maps[name])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = bits.Close() })
		for err == nil {
			_, err = bits.Take()
		}
		return bits
	}
	check := func(answers []Answer, want error, uses ...eroute.SAID) {
		t.Helper()
		if _, err := g.Answer(t.Context(), answers, func([]Answer) {}); !errors.Is(err, want) {
			t.Errorf("answer: %v, want %v", err, want)
		}
		for i, id := range holds {
			if f, ok, err := g.Flow(id); err != nil || !ok || f.SAID != uses[i] {
				t.Errorf("flow %d has %v (%t, %v), want %v", i, f.SAID, ok, err, uses[i])
			}
		}
	}
	blocks := fill(sas.BlocksName)
	other := groupOf(t, eroute.SpreadFlow, b, a, c)
	check([]Answer{{Flow: holds[0], SAID: other, Other: a}, {Flow: holds[1], SAID: b}}, sas.ErrTooManyGroups, a, b, eroute.Hold)
	slots := fill(sas.BitmapName)
	check([]Answer{{Flow: holds[2], SAID: c}, {Flow: holds[1], SAID: a}}, sas.ErrTooMany, a, a, eroute.Hold)
	for name, bits := range map[string]*pinned.Bitmap{"blocks": blocks, "slots": slots} {
		if at, err := bits.Take(); err == nil {
			t.Errorf("the table was repaired: %s %d is free", name, at)
		}
	}
}

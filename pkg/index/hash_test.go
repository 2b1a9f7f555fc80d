// SPDX-License-Identifier: Apache-2.0

package index

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/collisions"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// The index's hashes spread what somebody has chosen to collide, and what counts up, for every secret.
func TestHashesSpread(t *testing.T) {
	const places = 4096
	inputs := map[string][]eroute.Selector{}
	for _, c := range collisions.Addresses() {
		s := eroute.Selector{Src: netip.PrefixFrom(c[0], 128), Dst: netip.PrefixFrom(c[1], 128)}
		inputs["chosen"] = append(inputs["chosen"], s)
		inputs["chosen destination"] = append(inputs["chosen destination"], eroute.Selector{Src: netip.PrefixFrom(collisions.Addresses()[0][0], 128), Dst: s.Dst})
	}
	for i := range 256 {
		a, b := [4]byte{10, 0, 0, byte(i)}, [4]byte{10, byte(i), 0, 1}
		inputs["counting"] = append(inputs["counting"], eroute.Selector{Src: netip.PrefixFrom(netip.AddrFrom4(a), 32), Dst: netip.PrefixFrom(netip.AddrFrom4(b), 32)})
		inputs["ports"] = append(inputs["ports"], eroute.Selector{
			Src: netip.PrefixFrom(netip.AddrFrom4(a), 32).Masked(), Dst: netip.MustParsePrefix("10.0.0.0/8"), Proto: 6, DstPort: uint16(i + 1),
		})
	}
	for range 64 {
		var meta bpf.ABITableMeta
		if err := abi.ChooseSecrets(&meta); err != nil {
			t.Fatal(err)
		}
		x := &Index{secret: abi.SecretsOf(&meta)}
		for name, selectors := range inputs {
			in, whole := map[int]int{}, map[uint64]bool{}
			for _, s := range selectors {
				h := x.slotHash(s)
				in[below(h, places)]++
				whole[h] = true
			}
			most := 0
			for _, n := range in {
				most = max(most, n)
			}
			if distinct := map[bool]int{true: 6, false: len(selectors)}[name == "chosen destination"]; len(whole) < distinct || most > 6*len(selectors)/len(whole) {
				t.Errorf("%s: %d hashes of %d selectors, %d in one of %d places", name, len(whole), len(selectors), most, places)
			}
		}
	}
}

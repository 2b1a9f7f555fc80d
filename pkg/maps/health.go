// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"slices"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// HalfWritten reports whether a command was killed while it changed the table. No other command can be changing
// the table while it is open.
func (t *Table) HalfWritten() bool { return t.writingState() == bpf.ABIWritingWRITING_TABLE }

// HalfRestored reports whether a restore was killed before it changed anything.
func (t *Table) HalfRestored() bool { return t.writingState() == bpf.ABIWritingWRITING_STANDBY }

// SAUse is an SA that eroutes name.
type SAUse struct {
	SAID    eroute.SAID
	Eroutes uint32
	Usable  bool // whether packets could use it when XFRM was last read
	IfID    uint32
	Inner   xfrm.Families // families of the eroutes
	ByCPU   bool          // whether a group by CPU has it
	Others  bool          // whether eroutes without a group by CPU name it
	Aside   bool          // whether groups do not use it, see [Table.SetAside]
}

// Takes reports whether packets use the SA, so that another SAID that names a state of it cannot.
func (u SAUse) Takes(said eroute.SAID) bool { return u.Usable && u.SAID.ClashesWith(said) }

// SAUses lists the SAs that eroutes name, sorted by destination, SPI and protocol.
func (t *Table) SAUses() ([]SAUse, error) {
	all, err := t.sas.Named()
	if err != nil {
		return nil, err
	}
	byCPU, err := t.sas.CPUMembers()
	if err != nil {
		return nil, err
	}
	slots := t.sas.Reader()
	uses := make([]SAUse, 0, len(all))
	for key, v := range all {
		sa, err := slots.At(v.Slot)
		if err != nil {
			return nil, err
		}
		refs, grouped := byCPU[key]
		uses = append(uses, SAUse{
			SAID: key.SAID(), Eroutes: v.Refs4 + v.Refs6, Usable: sas.IsUsable(&sa), IfID: sa.IfId, Inner: sas.Families(v),
			ByCPU: grouped, Others: v.Refs4+v.Refs6 > refs, Aside: sa.Aside != 0,
		})
	}
	slices.SortFunc(uses, func(a, b SAUse) int { return a.SAID.CompareSA(b.SAID) })
	return uses, nil
}

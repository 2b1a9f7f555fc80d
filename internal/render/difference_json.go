// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// diffJSON is a difference in docs/schema.json, without its changes.
type diffJSON struct {
	OpensClear bool `json:"opens_clear"`
	Complete   bool `json:"complete"`
	Added      int  `json:"added"`
	Deleted    int  `json:"deleted"`
	Changed    int  `json:"changed"`
	Kept       int  `json:"kept"`
}

// regionJSON is a set of packets whose verdict changes.
type regionJSON struct {
	From       string       `json:"from"`
	To         string       `json:"to"`
	Peer       string       `json:"peer,omitempty"`
	Selector   packetJSON   `json:"selector"`
	Except     []packetJSON `json:"except,omitempty"`
	MoreExcept int          `json:"more_except,omitempty"`
	Example    packetJSON   `json:"example"`
	FromSAID   string       `json:"from_said,omitempty"`
	ToSAID     string       `json:"to_said,omitempty"`
}

var peerNames = map[diff.Peer]string{diff.SamePeer: "same", diff.OtherPeer: "other"}

func newRegionJSON(c diff.Class, r *diff.Region) regionJSON {
	w := r.Witness
	j := regionJSON{
		From: c.From.String(), To: c.To.String(), Peer: peerNames[c.Peer],
		Selector: newSelectorJSON(r.Selector), MoreExcept: r.Omitted,
		Example: packetJSON{w.Src.String(), w.Dst.String(), w.Proto, w.SrcPort, w.DstPort},
	}
	for _, s := range r.Except {
		j.Except = append(j.Except, newSelectorJSON(s))
	}
	if r.From.Matched {
		j.FromSAID = r.From.SAID.String()
	}
	if r.To.Matched {
		j.ToSAID = r.To.SAID.String()
	}
	return j
}

// DifferenceJSON writes the difference of two tables, a set of packets per line.
func DifferenceJSON(w io.Writer, r *diff.Result) error {
	summary, err := json.Marshal(diffJSON{len(r.OpensClear()) > 0, !r.Incomplete, r.Added, r.Deleted, r.Changed, r.Kept})
	if err != nil {
		return fmt.Errorf("encode JSON: %w", err)
	}
	if _, err := fmt.Fprintf(w, `{"version":%d,"diff":%s,"changes":[`, schemaVersion, summary[:len(summary)-1]); err != nil {
		return err
	}
	separator, end := "\n", "]}}\n"
	for i := range r.Classes {
		of := &r.Classes[i]
		for k := range of.Regions {
			text, err := json.Marshal(newRegionJSON(of.Class, &of.Regions[k]))
			if err != nil {
				return fmt.Errorf("encode JSON: %w", err)
			}
			if _, err := fmt.Fprintf(w, "%s%s", separator, text); err != nil {
				return err
			}
			separator, end = ",\n", "\n]}}\n"
		}
	}
	_, err = io.WriteString(w, end)
	return err
}

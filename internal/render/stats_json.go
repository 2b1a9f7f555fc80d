// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"io"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// statsDocument is the document of statistics in docs/schema.json.
type statsDocument struct {
	Version int       `json:"version"`
	Stats   statsJSON `json:"stats"`
}

type statsJSON struct {
	Eroutes    uint32       `json:"eroutes"`
	Followed   int          `json:"followed,omitempty"`
	Limit      uint32       `json:"limit"`
	Revision   string       `json:"revision,omitempty"`
	Changed    *bool        `json:"revision_changed,omitempty"`
	SAs        int          `json:"sas"`
	SAsMissing int          `json:"sas_missing"`
	Relay      bool         `json:"relay"`
	Holds      int          `json:"holds"`
	Resolved   int          `json:"resolved"`
	Reasons    []reasonJSON `json:"reasons"`

	XFRM map[string]uint64 `json:"xfrm,omitempty"`
}

type reasonJSON struct {
	Name    string `json:"name"`
	Verdict string `json:"verdict"`
	Drop    bool   `json:"drop"`
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
}

// StatsJSON writes the statistics of a table, and the error counters of XFRM if there are any.
func StatsJSON(w io.Writer, s *maps.Stats, xfrm map[string]uint64) error {
	doc := statsDocument{Version: schemaVersion, Stats: statsJSON{
		Eroutes: s.Eroutes, Followed: s.Followed, Limit: s.Limit, SAs: s.SAs, SAsMissing: s.SAsMissing, Relay: s.Relay, Holds: s.Holds, Resolved: s.Answered,
		Reasons: make([]reasonJSON, len(s.Reasons)), XFRM: xfrm,
	}}
	if s.Revision.ID != "" {
		doc.Stats.Revision, doc.Stats.Changed = s.Revision.ID, &s.Revision.Changed
	}
	for i, r := range s.Reasons {
		doc.Stats.Reasons[i] = reasonJSON{r.Name, r.Verdict.String(), r.Verdict == maps.Dropped, r.Packets, r.Bytes}
	}
	return json.NewEncoder(w).Encode(doc)
}

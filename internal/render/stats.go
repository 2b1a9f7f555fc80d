// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	stdmaps "maps"
	"slices"
	"text/tabwriter"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// running formats whether a process is running.
func running(is bool) string {
	if is {
		return "running"
	}
	return "none"
}

// Stats writes the statistics of a table, and the error counters of XFRM if there are any. Unless all is set, it
// omits reasons and counters without packets.
func Stats(out io.Writer, s *maps.Stats, xfrm map[string]uint64, all bool) error {
	reasons := slices.DeleteFunc(slices.Clone(s.Reasons), func(r maps.ReasonCount) bool { return !all && r.Packets == 0 })
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "eroutes\t%d\n", s.Eroutes)
	if s.Followed > 0 {
		_, _ = fmt.Fprintf(w, "followed\t%d\n", s.Followed)
	}
	if r := s.Revision; r.ID != "" {
		_, _ = fmt.Fprintf(w, "revision\t%s%s\n", r.ID, map[bool]string{true: ", changed since"}[r.Changed])
	}
	_, _ = fmt.Fprintf(w, "limit\t%d\nSAs\t%d\nSAs missing\t%d\nrelay\t%s\nholds\t%d\nresolved\t%d\n",
		s.Limit, s.SAs, s.SAsMissing, running(s.Relay), s.Holds, s.Answered)
	if len(reasons) > 0 {
		_, _ = fmt.Fprint(w, "\nreason\tpackets\tbytes\tverdict\n")
	}
	for _, r := range reasons {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", r.Name, r.Packets, r.Bytes, r.Verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	header := "\nXFRM counter\tpackets\n"
	for _, name := range slices.Sorted(stdmaps.Keys(xfrm)) {
		if all || xfrm[name] > 0 {
			_, _ = fmt.Fprintf(w, "%s%s\t%d\n", header, name, xfrm[name])
			header = ""
		}
	}
	return w.Flush()
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	stdmaps "maps"
	"slices"
	"text/tabwriter"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// runStats is --stats: it prints how full the table is and what became of packets: by
// eroutes, and after them in XFRM.
func runStats(c *command) (err error) {
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	stats, err := t.Stats()
	if err != nil {
		return err
	}
	xfrm, err := c.xfrmErrors()
	if err != nil {
		return err
	}
	if c.opts.Has(optJSON) {
		return writeStatsJSON(c.out, &stats, xfrm)
	}
	return writeStats(c.out, &stats, xfrm)
}

// running says whether something runs.
func running(is bool) string {
	if is {
		return "running"
	}
	return "none"
}

func writeStats(out io.Writer, s *maps.Stats, xfrm map[string]uint64) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "eroutes\t%d\nlimit\t%d\nSAs\t%d\nSAs missing\t%d\nrelay\t%s\nholds\t%d\nresolved\t%d\n",
		s.Eroutes, s.Limit, s.SAs, s.SAsMissing, running(s.Relay), s.Holds, s.Answered)
	if len(s.Reasons) > 0 {
		_, _ = fmt.Fprint(w, "\nreason\tpackets\tbytes\tverdict\n")
	}
	for _, r := range s.Reasons {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", r.Name, r.Packets, r.Bytes, r.Verdict)
	}
	if err := w.Flush(); err != nil || len(xfrm) == 0 {
		return err
	}
	_, _ = fmt.Fprint(w, "\nXFRM counter\tpackets\n")
	for _, name := range slices.Sorted(stdmaps.Keys(xfrm)) {
		_, _ = fmt.Fprintf(w, "%s\t%d\n", name, xfrm[name])
	}
	return w.Flush()
}

// xfrmErrors returns the kernel's own counters of packets that XFRM dropped, nil if this
// kernel counts none.
func (c *command) xfrmErrors() (map[string]uint64, error) {
	counters, err := c.env.xfrmCounters()
	if errors.Is(err, fs.ErrNotExist) {
		c.note("this kernel has no XFRM counters (CONFIG_XFRM_STATISTICS)")
		return nil, nil
	}
	return counters, err
}

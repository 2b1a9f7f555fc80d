// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// runStats is --stats: it prints how full the table is and what became of packets.
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
	if c.opts.has(optJSON) {
		return writeStatsJSON(c.out, &stats)
	}
	return writeStats(c.out, &stats)
}

// running says whether something runs.
func running(is bool) string {
	if is {
		return "running"
	}
	return "none"
}

func writeStats(out io.Writer, s *maps.Stats) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "eroutes\t%d\nlimit\t%d\nSAs\t%d\nSAs missing\t%d\nrelay\t%s\nholds\t%d\nanswered\t%d\n",
		s.Eroutes, s.Limit, s.SAs, s.SAsMissing, running(s.Relay), s.Holds, s.Answered)
	if len(s.Reasons) > 0 {
		_, _ = fmt.Fprint(w, "\nreason\tpackets\tbytes\tverdict\n")
	}
	for _, r := range s.Reasons {
		verdict := "sent"
		if r.Drop {
			verdict = "dropped"
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", r.Name, r.Packets, r.Bytes, verdict)
	}
	return w.Flush()
}

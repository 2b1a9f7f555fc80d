// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// writeExplanations writes for each packet the line of --lookup, and why below it.
func writeExplanations(w io.Writer, all iter.Seq2[*explanation, error]) error {
	for e, err := range all {
		if err != nil {
			return err
		}
		answer := "none"
		if e.met != nil {
			answer = e.met.String()
		}
		if _, err := fmt.Fprintln(w, answer); err != nil {
			return err
		}
		for _, line := range e.lines() {
			if _, err := fmt.Fprintf(w, "  %-8s %s\n", line[0], line[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// lines are titles and what is said under them.
func (e *explanation) lines() (lines [][2]string) {
	add := func(title, text string) { lines = append(lines, [2]string{title, text}) }
	add("packet", packetText(e.packet))
	for _, m := range e.matches {
		add("matches", m.String())
	}
	if len(e.matches) == 0 {
		add("matches", "no eroute")
	}
	if !e.agrees() {
		add("WRONG", "the kernel program and the table disagree: the packet matches the eroute in the first line, not the first match")
	} else if len(e.matches) == 1 {
		add("decided", "only match")
	} else if field := e.decidedBy(); field != 0 {
		add("decided", fmt.Sprintf("by the %s: %s", field, why(field, e.matches[0].Selector, e.matches[1].Selector)))
	}
	add("route", e.routeText())
	if e.sa != nil {
		add("SA", e.sa.text())
	}
	add("verdict", e.verdictText())
	return lines
}

func packetText(p eroute.Packet) string {
	text := fmt.Sprintf("%s -> %s", p.Src, p.Dst)
	if p.Proto != 0 {
		text += fmt.Sprintf(" protocol %d", p.Proto)
	}
	if p.SrcPort != 0 || p.DstPort != 0 {
		text += fmt.Sprintf(" ports %d -> %d", p.SrcPort, p.DstPort)
	}
	return text
}

// why says how a wins over b by a field.
func why(field eroute.Field, a, b eroute.Selector) string {
	switch field {
	case eroute.FieldSrc:
		return fmt.Sprintf("/%d is longer than /%d", a.Src.Bits(), b.Src.Bits())
	case eroute.FieldDst:
		return fmt.Sprintf("/%d is longer than /%d", a.Dst.Bits(), b.Dst.Bits())
	}
	return "the next match has none"
}

func (h hop) text() string {
	switch {
	case h.problem != "":
		return h.problem
	case h.via.IsValid():
		return fmt.Sprintf("via %s dev %s", h.via, h.device)
	}
	return "dev " + h.device
}

func (e *explanation) routeText() string {
	if e.ipsec {
		return "into " + e.route.device
	}
	return e.route.text() + ": not into an ipsec device, so it is not matched against the table"
}

func (s *saState) text() string {
	if s.life == nil {
		return s.problem
	}
	l := s.life
	parts := []string{l.StateKey.String()}
	if l.Src.IsValid() && !l.Src.IsUnspecified() {
		parts[0] += " src " + l.Src.String()
	}
	parts = append(parts, l.Mode.String()+" mode")
	if l.ReqID != 0 {
		parts = append(parts, fmt.Sprintf("reqid %d", l.ReqID))
	}
	if l.IfID != 0 {
		parts = append(parts, fmt.Sprintf("if_id %#x", l.IfID))
	}
	parts = append(parts, amount(l.Packets, l.MaxPackets, "packets"), amount(l.Bytes, l.MaxBytes, "bytes"))
	if l.Expires.IsZero() {
		parts = append(parts, "does not expire")
	} else {
		parts = append(parts, "expires "+l.Expires.UTC().Format(time.RFC3339))
	}
	if !s.ready {
		parts = append(parts, "not ready")
	}
	return strings.Join(parts, ", ")
}

func amount(n, limit uint64, unit string) string {
	if limit == 0 {
		return fmt.Sprintf("%d %s", n, unit)
	}
	return fmt.Sprintf("%d of %d %s", n, limit, unit)
}

func (e *explanation) verdictText() string {
	text := fmt.Sprintf("%s, counted as %q", e.verdict, e.reason)
	if !e.ipsec {
		text = "would be " + text
	}
	if e.verdict == maps.Sent && e.next != (hop{}) {
		text += ": " + e.next.text()
	}
	if e.detail != "" {
		text += "; " + e.detail
	}
	return text
}

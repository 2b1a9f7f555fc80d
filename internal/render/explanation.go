// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Explanations writes for each packet the line of --lookup, followed by its explanation.
func Explanations(w io.Writer, all iter.Seq2[*explain.Explanation, error]) error {
	for e, err := range all {
		if err != nil {
			return err
		}
		answer := "none"
		if e.Match != nil {
			answer = e.Match.String()
		}
		if _, err := fmt.Fprintln(w, answer); err != nil {
			return err
		}
		for _, line := range explanationLines(e) {
			if _, err := fmt.Fprintf(w, "  %-8s %s\n", line[0], line[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// explanationLines returns pairs of a title and its text.
func explanationLines(e *explain.Explanation) (lines [][2]string) {
	add := func(title, text string) { lines = append(lines, [2]string{title, text}) }
	add("packet", Packet(e.Packet))
	for _, m := range e.Matches {
		add("matches", m.String())
	}
	if len(e.Matches) == 0 {
		add("matches", "no eroute")
	}
	if !e.Consistent() {
		add("WRONG", "the kernel program and the table disagree: the packet matches the eroute in the first line, not the first match")
	} else if len(e.Matches) == 1 {
		add("decided", "only match")
	} else if field := e.DecidedBy(); field != 0 {
		add("decided", fmt.Sprintf("by the %s: %s", field, why(field, e.Matches[0].Selector, e.Matches[1].Selector)))
	}
	add("route", routeText(e))
	switch {
	case len(e.Members) > 0:
		for i := range e.Members {
			add("member", cpuMemberText(e, &e.Members[i]))
		}
	case e.Match != nil && e.Match.SAID.IsGroup():
		if text := memberText(e); text != "" {
			add("member", text)
		}
	}
	if e.SA != nil {
		add("SA", saText(e.SA))
	}
	add("verdict", verdictText(e))
	return lines
}

// Packet formats a packet.
func Packet(p eroute.Packet) string {
	text := fmt.Sprintf("%s -> %s", p.Src, p.Dst)
	if p.Proto != 0 {
		text += fmt.Sprintf(" protocol %d", p.Proto)
	}
	if p.SrcPort != 0 || p.DstPort != 0 {
		text += fmt.Sprintf(" ports %d -> %d", p.SrcPort, p.DstPort)
	}
	return text
}

// why explains why a takes precedence over b, by the field that decides.
func why(field eroute.Field, a, b eroute.Selector) string {
	switch field {
	case eroute.FieldSrc:
		return fmt.Sprintf("/%d is longer than /%d", a.Src.Bits(), b.Src.Bits())
	case eroute.FieldDst:
		return fmt.Sprintf("/%d is longer than /%d", a.Dst.Bits(), b.Dst.Bits())
	}
	return "the next match has none"
}

func hopText(h explain.Hop) string {
	switch {
	case h.Problem != "":
		return h.Problem
	case h.Via.IsValid():
		return fmt.Sprintf("via %s dev %s", h.Via, h.Device)
	}
	return "dev " + h.Device
}

func routeText(e *explain.Explanation) string {
	switch {
	case e.IPsec:
		return "into " + e.Route.Device
	case e.Watched:
		return hopText(e.Route) + ", which is watched"
	case !e.Assumed:
		return fmt.Sprintf("%s: not matched: %s is not watched", hopText(e.Route), e.Route.Device)
	}
	return hopText(e.Route) + ": not into an ipsec device, so it is not matched against the table"
}

// memberText says which SA of a group a packet goes to, and why; "" if the group does not decide.
func memberText(e *explain.Explanation) string {
	group, sa := e.Match.SAID, e.SA
	all, aside := group.SAs(), e.Match.SetAside()
	text := ""
	switch {
	case sa == nil && (e.Reason == "trap" || e.Reason == "trap-no-relay"):
		text = fmt.Sprintf("%%trap: none of %d SAs is ready", len(all))
	case sa == nil && len(aside) == len(all):
		text = "none"
	case sa == nil:
		return ""
	case !sa.Ready:
		text = fmt.Sprintf("none of %d SAs is ready; the first is %s", len(all), sa.SAID)
	case group.Spread() == eroute.SpreadFailover:
		text = fmt.Sprintf("%s, the first of %d SAs that is ready", sa.SAID, len(all))
	default:
		text = fmt.Sprintf("%s, one of %d SAs by the packet's flow", sa.SAID, len(all))
	}
	return text + exceptText(e, sa != nil && sa.Ready)
}

// exceptText names members that a group does not use, or only if there are no others. ready: it uses an SA that is ready.
func exceptText(e *explain.Explanation, ready bool) (text string) {
	if after := e.Match.SAID.ReturnAfter(); after != 0 && ready {
		text += fmt.Sprintf("; SAs younger than %d s only if there is no older one", after/time.Second)
	}
	for _, said := range e.Match.SetAside() {
		text += fmt.Sprintf("; %s is set aside", said)
	}
	return text
}

// cpuMemberText says which SA of a group by CPU packets on some CPUs go to, and why.
func cpuMemberText(e *explain.Explanation, m *explain.Member) string {
	text := ""
	if len(e.Members) > 1 {
		text = fmt.Sprintf("on CPU %s: ", ranges(m.CPUs))
	}
	switch {
	case m.SAID == eroute.Trap:
		text += "%trap: no SA is ready"
	case m.SAID == eroute.SAID{}:
		text += "none"
	case !m.Ready:
		text += fmt.Sprintf("no SA is ready; the first is %s", m.SAID)
	case m.Bound:
		text += fmt.Sprintf("%s, which is bound to it", m.SAID)
	default:
		text += fmt.Sprintf("%s, the first that is bound to no CPU", m.SAID)
	}
	return text + exceptText(e, m.Ready)
}

// ranges formats numbers in ascending order, such as 0-2,5.
func ranges(numbers []int) string {
	var parts []string
	for i := 0; i < len(numbers); {
		first := i
		for i++; i < len(numbers) && numbers[i] == numbers[i-1]+1; i++ {
		}
		text := strconv.Itoa(numbers[first])
		if i-first > 1 {
			text += "-" + strconv.Itoa(numbers[i-1])
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ",")
}

func saText(s *explain.SA) string {
	if s.State == nil {
		return s.Problem
	}
	l := s.State
	parts := []string{l.StateKey.String()}
	if l.Src.IsValid() && !l.Src.IsUnspecified() {
		parts[0] += " src " + l.Src.String()
	}
	parts = append(parts, l.Mode.String()+" mode")
	for under := l.Under; under != nil; under = under.Under {
		parts = append(parts, fmt.Sprintf("after %s in %s mode", under.StateKey, under.Mode))
	}
	if l.ReqID != 0 {
		parts = append(parts, fmt.Sprintf("reqid %d", l.ReqID))
	}
	if l.OneCPU {
		parts = append(parts, fmt.Sprintf("CPU %d", l.CPU))
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
	if !s.Ready {
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

func verdictText(e *explain.Explanation) string {
	text := fmt.Sprintf("%s, counted as %q", e.Verdict, e.Reason)
	if e.Reason == "" {
		text = fmt.Sprintf("%s, not counted", e.Verdict)
	}
	if e.Assumed {
		text = "would be " + text
	}
	if e.CPU != nil {
		text = fmt.Sprintf("on CPU %d: ", *e.CPU) + text
	}
	if e.Verdict == maps.Sent && e.Next != (explain.Hop{}) {
		text += ": " + hopText(e.Next)
	}
	if e.Detail != "" {
		text += "; " + e.Detail
	}
	return text
}

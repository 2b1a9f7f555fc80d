// SPDX-License-Identifier: Apache-2.0

package session

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Situation is what decides about a packet, in addition to the kernel's state.
type Situation struct {
	Match   *eroute.Eroute // nil: none
	Devices []device.Attachment
}

// Danger describes how a change cuts the session, or may do so; "" if it does not.
func (s *Session) Danger(t explain.Table, k explain.KernelView, before, after Situation) (string, error) {
	p := s.Reply()
	now, err := explain.Fate(t, k, before.Devices, p, before.Match)
	if err != nil {
		return "", err
	}
	next, err := explain.Fate(futureTable{t, k}, futureKernel{k}, after.Devices, p, after.Match)
	if err != nil {
		return "", err
	}
	had, gets := newFate(now), newFate(next)
	verb := "may cut"
	switch {
	case had == gets || had == waits || had == lost:
		return "", nil
	case gets == lost && next.CPU == nil:
		verb = "cuts"
	}
	text := fmt.Sprintf("this %s the SSH session from %v port %d: the packets to it would %s", verb, s.Client.Addr(), s.Client.Port(), gets.text(next))
	if had == inClear {
		text += fmt.Sprintf("; an eroute %s keeps it", s.keeper())
	}
	return text, nil
}

// keeper describes the eroute that passes the session, and later ones of this client.
func (s *Session) keeper() string {
	p := s.Reply()
	keeps := eroute.Selector{
		Src: netip.PrefixFrom(p.Src, p.Src.BitLen()), Dst: netip.PrefixFrom(p.Dst, p.Dst.BitLen()),
		Proto: p.Proto, SrcPort: p.SrcPort,
	}
	return strings.Join(strings.Fields(eroute.Eroute{Selector: keeps, SAID: eroute.Pass}.Rule()), " ")
}

// fate is what happens to the packets of a session.
type fate int

const (
	lost fate = iota
	waits
	inClear
	encrypted
)

func newFate(e *explain.Explanation) fate {
	switch {
	case e.Assumed: // neither the table nor a device affects it
		return inClear
	case e.Lost:
		return lost
	case e.Verdict == maps.Sent && e.SA != nil:
		return encrypted
	case e.Verdict == maps.Sent:
		return inClear
	case e.Verdict == maps.Kept && e.Match != nil && e.Match.SAID.Traps():
		return waits
	}
	return lost
}

// text completes "the packets would".
func (f fate) text(e *explain.Explanation) string {
	on := ""
	if e.CPU != nil {
		on = fmt.Sprintf(" on CPU %d", *e.CPU)
	}
	switch f {
	case waits:
		return "wait for an SA" + on
	case inClear:
		return "leave in clear, no longer encrypted"
	case encrypted:
		return fmt.Sprintf("be encrypted for %v, no longer leave in clear", e.SA.SAID)
	}
	return fmt.Sprintf("be lost%s (%s)", on, e.Reason)
}

// futureTable is a table after a change: SAs are ready that exist.
type futureTable struct {
	explain.Table
	kernel explain.KernelView
}

// Member leaves out SAs that are set aside. It returns the SA of a CPU in a group by CPU, else the first SA that is ready
// and bound to no CPU, or the %trap; else the first SA that is not ready, if there is one. Which of several SAs a flow
// selects does not matter to a forecast.
func (t futureTable) Member(_ eroute.Packet, group eroute.SAID, cpu uint32) (eroute.SAID, error) {
	var unbound, unready eroute.SAID
	for _, sa := range group.SAs() {
		if aside, err := t.IsAside(sa); aside || err != nil {
			if err != nil {
				return sa, err
			}
			continue
		}
		ready, err := t.SAReady(sa)
		if err != nil {
			return sa, err
		}
		lifetime, err := t.kernel.SA(sa)
		bound := err == nil && lifetime.OneCPU
		switch {
		case !ready && unready == eroute.SAID{}:
			unready = sa
		case ready && bound && lifetime.CPU == cpu && group.Spread() == eroute.SpreadCPU:
			return sa, nil
		case ready && !bound && unbound == eroute.SAID{}:
			unbound = sa
		}
	}
	switch {
	case unbound != eroute.SAID{}:
		return unbound, nil
	case group.Traps():
		return eroute.Trap, nil
	}
	return unready, nil
}

func (t futureTable) SAReady(said eroute.SAID) (bool, error) {
	if ready, err := t.Table.SAReady(said); ready || err != nil {
		return ready, err
	}
	lifetime, err := t.kernel.SA(said)
	return err == nil && !lifetime.State.Spent, nil
}

// futureKernel is the kernel after a change: SAs that exist have their policies.
type futureKernel struct{ explain.KernelView }

func (k futureKernel) SA(said eroute.SAID) (xfrm.Lifetime, error) {
	lifetime, err := k.KernelView.SA(said)
	lifetime.Policies |= lifetime.Inner
	return lifetime, err
}

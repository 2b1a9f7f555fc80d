// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Every program has the specified result for every frame, and counts it exactly. EROUTE_TEST_FRAMES is the
// number of frames.
func TestFrames(t *testing.T) {
	const tableLasts = 5000
	frames := testenv.Count(t, testenv.Frames, 40000)
	onGateway(t, func(l *lab.Lab, g *gateway) error {
		r := newRandom(t, l)
		s := session{gateway: g, random: r, answers: map[string]int{}}
		for done := 0; done < frames; done += tableLasts {
			reference, changes := r.table()
			if err := g.table.Apply(t.Context(), changes); err != nil {
				return err
			}
			s.oracle = newOracle(reference, g.mac)
			before, err := g.reasons()
			if err != nil {
				return err
			}
			for n := 0; n < tableLasts; {
				for _, packet := range r.packets() {
					if err := s.check(packet); err != nil {
						return err
					}
					n++
				}
			}
			if err := g.checkCounts(s.oracle, before); err != nil {
				return err
			}
		}
		t.Logf("what the programs answered: %v", s.answers)
		return nil
	})
}

// session is a gateway, its input and its expected output.
type session struct {
	*gateway
	*random
	*oracle
	answers map[string]int
}

// check passes a packet to every program, in the form of frame that it accepts.
func (s *session) check(packet []byte) error {
	if s.oneIn(4) {
		packet = s.damage(packet)
	}
	frame, from := s.frame(s.gateway.mac, packet), origin(s.IntN(int(origins)))
	if s.oneIn(10) {
		frame = s.damage(frame)
	}
	if len(frame) < 14 {
		return nil
	}
	shown := look(binary.BigEndian.Uint16(frame[12:]), frame[14:])
	err := errors.Join(
		judge(s, "lookup", frame, s.runLookup, func(b []byte) found { return s.oracle.lookup(shown) }),
		judge(s, "xdp", frame, s.runXDP, s.oracle.xdp),
		judge(s, "tc", frame, s.runTC, s.oracle.tc),
	)
	if packet = s.disguised(packet); len(packet) < 14 {
		return err
	}
	return errors.Join(err, judge(s, "egress", packet,
		func(b []byte) (verdict, error) { return s.runEgress(b, from) },
		func(b []byte) verdict { return s.oracle.egress(b, from) }))
}

// answer is a program's result for a frame.
type answer interface {
	comparable
	kind() int32
}

// judge runs a program on a frame and compares its result.
func judge[A answer](s *session, program string, frame []byte, run func([]byte) (A, error), want func([]byte) A) error {
	got, err := run(frame)
	if errors.Is(err, unix.EINVAL) && cannotRun(frame) {
		s.answers[program+" not run"]++
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s on frame of %d bytes %x: %w", program, len(frame), frame, err)
	}
	if want := want(frame); got != want && !unanswered(got, want) {
		return fmt.Errorf("%s answers %+v, want %+v, to frame %x", program, got, want, frame)
	}
	s.answers[fmt.Sprintf("%s %d", program, got.kind())]++
	return nil
}

// unanswered reports whether a program has dropped a packet that it may answer: there is no permitted path to the
// sender.
func unanswered(got, want any) bool {
	w, ok := want.(verdict)
	return ok && w.ret == tcRedirect && w.answered && got == verdict{ret: tcDrop}
}

// cannotRun reports whether the kernel may refuse to run a TC program on a frame: it is not linear, or its
// fixed IP header is truncated (Linux 6.18).
func cannotRun(frame []byte) bool {
	size := len(frame) - 14
	if size > 3000 {
		return true
	}
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIP:
		return size < 20
	case etherIPv6:
		return size < 40
	}
	return size == 0
}

// reasons are the counters by reason.
func (g *gateway) reasons() (map[string]amounts, error) {
	stats, err := g.table.Stats()
	all := map[string]amounts{}
	for _, r := range stats.Reasons {
		all[r.Name] = amounts{r.Packets, r.Bytes}
	}
	return all, err
}

// checkCounts compares the counters with those before, and with the eroutes.
func (g *gateway) checkCounts(o *oracle, before map[string]amounts) error {
	reasons, err := g.reasons()
	for name, a := range before {
		reasons[name] = amounts{reasons[name].packets - a.packets, reasons[name].bytes - a.bytes}
		if reasons[name] == (amounts{}) {
			delete(reasons, name)
		}
	}
	eroutes := map[eroute.Selector]amounts{}
	for e, err := range g.table.All() {
		if err != nil {
			return err
		}
		if e.Packets != 0 {
			eroutes[e.Selector] = amounts{e.Packets, e.Bytes}
		}
	}
	diff := cmp.Diff(o.reasons, reasons, cmp.AllowUnexported(amounts{})) + cmp.Diff(o.eroutes, eroutes, cmp.AllowUnexported(amounts{}))
	if diff != "" {
		err = errors.Join(err, fmt.Errorf("counted (-want +got):\n%s", diff))
	}
	return err
}

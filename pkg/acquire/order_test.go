// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// script is a ring buffer with scripted events: one slice for each time that it is read to its end.
type script [][]relaywire.Event

func (s *script) Wait(time.Duration) error { return nil }

func (s *script) Read() (e relaywire.Event, err error) {
	if len(*s) == 0 {
		return e, os.ErrDeadlineExceeded
	}
	if len((*s)[0]) == 0 {
		*s = (*s)[1:]
		return e, os.ErrDeadlineExceeded
	}
	e, (*s)[0] = (*s)[0][0], (*s)[0][1:]
	return e, nil
}

// sent records the packets that are sent.
type sent struct{ packets []string }

func (s *sent) send(p packet) error {
	s.packets = append(s.packets, strings.TrimRight(string(p.bytes[28:]), "\x00"))
	return nil
}

func (s *sent) close() error { return nil }

// bench is a relay with scripted events, and its table, which has one trap.
type bench struct {
	*relay
	script script
	sent   sent
	trap   eroute.Selector
	flow   eroute.Selector // matches the trap
}

func newBench(t *testing.T) *bench {
	t.Helper()
	runtime.LockOSThread() // the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	b := &bench{trap: trapOf(0), flow: flowOf(1)}
	b.relay = &relay{
		Config:   Config{HoldLifetime: time.Minute, Counters: &Counters{}},
		reporter: reporter{log: slog.New(slog.DiscardHandler), counts: &Counters{}},
		store:    newStore(100, 100000), sender: &b.sent, intake: newIntake(&b.script),
		requested: map[abi.FlowID]time.Time{}, lost: map[eroute.Selector]time.Time{}, ages: ages{seen: map[xfrm.StateKey]uint64{}},
	}
	b.locked(t, func(table *maps.Table) error {
		t.Cleanup(func() { _ = os.RemoveAll(table.Dir().Path()) })
		return table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpAdd, Selector: b.trap, SAID: eroute.Trap, Acquire: eroute.DefaultAcquire}})
	})
	return b
}

func (b *bench) locked(t *testing.T, f func(*maps.Table) error) {
	t.Helper()
	if err := b.write(f); err != nil {
		t.Fatal(err)
	}
}

// hold makes a flow of the trap with a serial, as bpf/trap.h does.
func (b *bench) hold(t *testing.T, serial uint64) abi.FlowID {
	t.Helper()
	b.locked(t, func(table *maps.Table) error {
		key := bpf.ABIFlowKey{Family: unix.AF_INET, SrcPrefixlen: 32, DstPrefixlen: 32}
		copy(key.Src[:], b.flow.Src.Addr().AsSlice())
		copy(key.Dst[:], b.flow.Dst.Addr().AsSlice())
		var now unix.Timespec
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
			return err
		}
		flow := bpf.ABIFlow{
			Entry:  bpf.ABIErouteValue{Action: uint8(bpf.ABIErouteActionACT_HOLD), DstPrefixlen: 32},
			Serial: serial, Last: serial<<48 | uint64(now.Nano())>>6, TrapSrcPrefixlen: 24, TrapDstPrefixlen: 24, TrapAction: uint8(bpf.ABIErouteActionACT_TRAP),
		}
		relay := bpf.ABIRelay{FlowTuples: 1 << bpf.ABIErouteTupleTUPLE_ANY}
		return errors.Join(
			table.Map("eroute_flows").Update(key, flow, ebpf.UpdateNoExist),
			table.Map("eroute_relay").Put(uint32(0), relay),
		)
	})
	return abi.FlowID{Selector: b.flow, Serial: serial}
}

// packetEvent returns the event of a packet with this content.
func (b *bench) packetEvent(serial uint64, content string) relaywire.Event {
	p := make([]byte, 28+len(content))
	p[0], p[9] = 0x45, unix.IPPROTO_ICMP
	p[3] = byte(len(p))
	copy(p[12:], b.flow.Src.Addr().AsSlice())
	copy(p[16:], b.flow.Dst.Addr().AsSlice())
	copy(p[28:], content)
	return relaywire.Event{Flow: abi.FlowID{Selector: b.flow, Serial: serial}, Trap: b.trap, Time: time.Now(), Packet: p}
}

func (b *bench) acquired(serial uint64, content string) relaywire.Event {
	e := b.packetEvent(serial, content)
	e.Acquire = true
	return e
}

func (b *bench) gap(serial uint64, content string) relaywire.Event {
	e := b.packetEvent(serial, content)
	e.Gap = true
	return e
}

func (b *bench) flows(t *testing.T) (flows []maps.Flow) {
	t.Helper()
	b.locked(t, func(table *maps.Table) (err error) {
		flows, err = table.Flows()
		return err
	})
	return flows
}

var anSA = eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("192.1.2.45")}

// TestSwitchKeepsOrder checks that a switched flow's stored packets are sent in order, followed by those that
// arrived until then and during that, and that no SA is requested for it again.
func TestSwitchKeepsOrder(t *testing.T) {
	b := newBench(t)
	id := b.hold(t, 7)
	b.script = script{{b.acquired(7, "first"), b.packetEvent(7, "second")}}
	if err := b.drain(); err != nil {
		t.Fatal(err)
	}
	b.script = script{{b.packetEvent(7, "third")}, {b.gap(7, "fourth"), b.gap(7, "fifth")}, {}, {b.gap(7, "sixth")}}
	b.locked(t, func(table *maps.Table) error {
		return b.answer(t.Context(), table, []maps.Answer{{Flow: id, SAID: anSA}})
	})
	// A hold keeps its first and its newest packet.
	if got, want := strings.Join(b.sent.packets, " "), "first third fourth fifth sixth"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	if err := b.requestSAs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.counts.Totals().Events[journal.KindAcquire]; n != 0 || len(b.requested) != 0 || len(b.store.holds) != 0 {
		t.Errorf("%d ACQUIREs, %d open, %d flows with packets", n, len(b.requested), len(b.store.holds))
	}
	if flows := b.flows(t); len(flows) != 1 || flows[0].SAID != anSA || flows[0].Serial != 7 {
		t.Errorf("flows %+v", flows)
	}
}

// TestStaleEndIgnored checks that the end of a flow does not affect the next flow with the same selector:
// neither its packets nor its request.
func TestStaleEndIgnored(t *testing.T) {
	b := newBench(t)
	ended := relaywire.Event{HoldEnd: relaywire.Freed, Flow: abi.FlowID{Selector: b.flow, Serial: 7}, Time: time.Now()}
	b.hold(t, 8)
	b.script = script{{b.packetEvent(7, "old"), b.acquired(8, "first"), ended, b.packetEvent(8, "second")}}
	if err := b.drain(); err != nil {
		t.Fatal(err)
	}
	id := abi.FlowID{Selector: b.flow, Serial: 8}
	if _, requested := b.requested[id]; !requested || len(b.requested) != 1 {
		t.Errorf("requested %v", b.requested)
	}
	if len(b.store.holds) != 1 || b.store.packets != 2 {
		t.Errorf("%d flows with %d packets", len(b.store.holds), b.store.packets)
	}
	if err := b.requestSAs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.counts.Totals().Events[journal.KindAcquire]; n != 1 {
		t.Errorf("%d ACQUIREs, want 1", n)
	}
}

// TestAcquireForHoldWithoutRequest checks that for a hold with packets but without a request an SA is requested once.
func TestAcquireForHoldWithoutRequest(t *testing.T) {
	b := newBench(t)
	b.hold(t, 7)
	b.script = script{{b.packetEvent(7, "one"), b.packetEvent(7, "two")}, {b.packetEvent(7, "three")}}
	for range 2 {
		if err := errors.Join(b.drain(), b.requestSAs(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.counts.Totals().Events[journal.KindAcquire]; n != 1 || len(b.requested) != 1 {
		t.Errorf("%d ACQUIREs, %d open", n, len(b.requested))
	}
}

// TestFlowWithoutSA checks that a flow whose SA was deleted becomes a hold with its stored packets, or ends if
// it has none, and that the next hold of its trap keeps as many packets.
func TestFlowWithoutSA(t *testing.T) {
	b := newBench(t)
	orphan := func() {
		t.Helper()
		flows := b.flows(t)
		b.locked(t, func(table *maps.Table) error { return b.orphan(table, flows) })
	}
	answered := func(serial uint64) abi.FlowID {
		t.Helper()
		id := b.hold(t, serial)
		b.locked(t, func(table *maps.Table) error {
			return b.answer(t.Context(), table, []maps.Answer{{Flow: id, SAID: anSA}})
		})
		return id
	}
	id := answered(7)
	b.script = script{{b.gap(7, "one"), b.gap(7, "two")}, {b.gap(7, "three")}, {b.packetEvent(7, "four")}}
	orphan()
	if flows := b.flows(t); len(flows) != 1 || flows[0].ID() != id || flows[0].SAID != eroute.Hold {
		t.Errorf("flows %+v", flows)
	}
	if err := b.requestSAs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := b.counts.Totals().Events[journal.KindAcquire]; n != 1 {
		t.Errorf("%d ACQUIREs, want 1", n)
	}
	b.locked(t, func(table *maps.Table) error {
		return b.answer(t.Context(), table, []maps.Answer{{Flow: id, SAID: anSA}})
	})
	want := []string{"one", "two", "three", "four"}
	if !slices.Equal(b.sent.packets, want) {
		t.Errorf("sent %s, want %s", b.sent.packets, want)
	}
	orphan() // no packets are stored
	if flows := b.flows(t); len(flows) != 0 || b.store.packets != 0 {
		t.Errorf("flows %+v, %d packets", flows, b.store.packets)
	}
	b.script = script{{b.acquired(8, "one"), b.packetEvent(8, "two"), b.packetEvent(8, "three")}}
	if err := b.drain(); err != nil || b.store.packets != 3 {
		t.Errorf("%d packets kept, %v", b.store.packets, err)
	}
}

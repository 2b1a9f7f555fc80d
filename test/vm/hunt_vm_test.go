// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// hunt is a search for packets in clear that the current table does not permit: streams run while one
// goroutine changes the table at random and another everything it depends on.
//
// The oracle: a stream may be seen in clear from the beginning of a change before or after which the table
// has %pass for it, to the end of the next change. A change has ended when the command has returned, or, if
// it was killed, when all packets it may have affected have left; the listing then shows the table. The
// kernel's timestamp of each frame is compared with these times, without tolerance.
type hunt struct {
	bench
	attachment string // command that attaches ipsec0
	routed     bool   // by routes into ipsec0; else wan is watched
	ipsec      string // the command
	group      *group // the table's memory is charged to it
	begin      time.Time
	lanes      []*lane
	sas        *saPool

	// Of the writer.
	table *eroute.Linear

	logMu sync.Mutex
	log   []logged
}

// lane is a stream and its own eroute.
type lane struct {
	*lab.Stream
	selector eroute.Selector
	packet   eroute.Packet
	tunnels  eroute.Family // of the SAs that can carry it
	clear    lab.Timeline
}

// logged is an action, for the report of a leak.
type logged struct {
	from, to time.Time
	what     string
}

// No packet leaves in clear that the current table does not permit, whatever happens to table, SAs, devices,
// programs, relay and memory. "make hunt DURATION=5m" takes longer.
//
//vm:alone
func TestLeakHunt(t *testing.T) {
	seed, duration := testenv.RandSeed(t), testenv.Duration(t, 60*time.Second)
	h := newHunt(t, seed%2 == 0)
	capture := watch(t, h.East, lab.WAN)
	end := h.begin.Add(duration)
	var actors sync.WaitGroup
	writer := &writer{hunt: h, t: t, rand: rand.New(rand.NewPCG(seed, 1))}
	breaker := &breaker{hunt: h, t: t, rand: rand.New(rand.NewPCG(seed, 2)), capture: capture}
	actors.Go(func() { writer.run(end) })
	actors.Go(func() { breaker.run(end) })
	actors.Wait()
	var sent uint64
	for _, l := range h.lanes {
		n, err := l.Stop()
		if err != nil {
			t.Error(err)
		}
		sent += n
	}
	h.judge(t, append(breaker.frames, breaker.capture()...), sent)
	if writer.starved == 0 {
		t.Error("no change failed for want of memory")
	}
	t.Logf("writer: %v", writer.done)
	t.Logf("breaker: %v", breaker.done)
	t.Logf("reasons: %v", h.reasons(t))
}

// newHunt is a lab with an empty table and the streams running: with wan watched and no other routes than the
// lab's, or with routes into ipsec0 and blackhole routes after them.
func newHunt(t *testing.T, routed bool) *hunt {
	t.Helper()
	h := &hunt{
		bench: newLab(t), attachment: attachCommand + " --unmatched drop", routed: routed,
		ipsec: copyCommand(t), group: newGroup(t), table: &eroute.Linear{},
	}
	t.Logf("routed: %t", routed)
	if routed {
		h.attachment = attachCommand + " --routed"
		for _, p := range []netip.Prefix{lab.WestLAN4, lab.WestLAN6} {
			ip(t, h.East, "route add blackhole "+p.String()+" metric 1024")
		}
	}
	if err := h.fixNeighbors(); err != nil {
		t.Fatal(err)
	}
	h.listen(t)
	h.begin = time.Now()
	h.sas = newSAPool(h)
	t.Cleanup(func() { h.sas.close(t) })
	t.Cleanup(func() { h.removeAll(t) })
	// The table is charged to the group of its creator.
	if err := errors.Join(h.commandIn(h.attachment, h.group), h.routes()); err != nil {
		t.Fatal(err)
	}
	h.addLanes(t)
	return h
}

// fixNeighbors makes the peer's MAC addresses permanent: packets that wait for one would leave later than they matched
// the table.
func (h *hunt) fixNeighbors() (err error) {
	var wan *net.Interface
	if err := h.West.Do(func() (err error) {
		wan, err = net.InterfaceByName(lab.WAN)
		return err
	}); err != nil {
		return err
	}
	for _, peer := range []netip.Addr{h.West.WAN4, h.West.WAN6} {
		_, failed := h.East.IP(context.Background(), "neigh", "replace", peer.String(), "lladdr", wan.HardwareAddr.String(), "dev", lab.WAN, "nud", "permanent")
		err = errors.Join(err, failed)
	}
	return err
}

// addLanes starts the streams, from East's host and from East itself.
func (h *hunt) addLanes(t *testing.T) {
	t.Helper()
	const each, rate = 3, 60
	count, err := h.WestHost.CountStreams(netip.AddrPortFrom(netip.IPv6Unspecified(), 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = count.Close() })
	for _, from := range []*lab.Node{h.EastHost, h.East} {
		for _, f := range []struct {
			family   eroute.Family
			src, dst netip.Addr
		}{{eroute.Inet, from.LAN4, h.WestHost.LAN4}, {eroute.Inet6, from.LAN6, h.WestHost.LAN6}} {
			for range each {
				id := uint32(len(h.lanes))
				port := uint16(4700 + id)
				s := nets(lab.Only(f.src), lab.Only(f.dst))
				s.Proto, s.SrcPort = 17, port
				l := &lane{
					Stream: &lab.Stream{
						From: from, Src: netip.AddrPortFrom(f.src, port),
						Dst: netip.AddrPortFrom(f.dst, count.Port()), ID: id, Rate: rate,
					},
					selector: s, tunnels: f.family,
					packet: eroute.Packet{Src: f.src, Dst: f.dst, Proto: 17, SrcPort: port, DstPort: count.Port()},
				}
				if err := l.Start(); err != nil {
					t.Fatal(err)
				}
				h.lanes = append(h.lanes, l)
			}
		}
	}
}

// permit sets what streams may do from now on: whether there is, or may be, a table with %pass for each.
func (h *hunt) permit(may []bool) {
	for i, l := range h.lanes {
		l.clear.From(time.Now(), may[i])
	}
}

// note logs an action.
func (h *hunt) note(from time.Time, what string) {
	h.logMu.Lock()
	defer h.logMu.Unlock()
	h.log = append(h.log, logged{from, time.Now(), what})
}

// judge compares the frames that East has sent with the streams' timelines.
func (h *hunt) judge(t *testing.T, frames lab.Frames, sent uint64) {
	t.Helper()
	var inClear, protected, leaks int
	for _, f := range frames {
		header, ok := f.Header()
		if !f.Outgoing || !ok {
			continue
		}
		id, number, numbered := f.Numbered()
		switch {
		case numbered && h.lanes[id].clear.May(f.Time):
			inClear++
		case numbered:
			if leaks++; leaks <= 3 {
				t.Errorf("stream %d: datagram %d left in clear at %v\n%s", id, number, f.Time.Sub(h.begin), h.around(f.Time))
			}
		case lab.WestLAN4.Contains(header.Dst) || lab.WestLAN6.Contains(header.Dst):
			t.Errorf("something else left in clear: %+v", header)
		case header.SPI != 0:
			protected++
		}
	}
	if inClear < 100 || protected < 100 {
		t.Errorf("%d frames in clear and %d protected prove little", inClear, protected)
	}
	t.Logf("%d packets sent in %v: %d left in clear as the table said, %d protected, %d leaked",
		sent, time.Since(h.begin), inClear, protected, leaks)
}

// around lists the actions at a time.
func (h *hunt) around(at time.Time) (text string) {
	for _, l := range h.log {
		if l.from.Before(at.Add(time.Second/2)) && l.to.After(at.Add(-time.Second/2)) {
			text += l.from.Sub(h.begin).String() + " to " + l.to.Sub(h.begin).String() + ": " + l.what + "\n"
		}
	}
	return text
}

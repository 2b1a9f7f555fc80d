// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Event is a packet that met a trap or a hold.
type Event struct {
	Acquire bool // it met a trap, and made the flow; else it met the flow's hold
	Gap     bool // it met an answered flow whose SA has just gone
	Time    time.Time
	Flow    eroute.Selector // of the hold
	Trap    eroute.Selector // for Acquire only
	Device  int             // ifindex of the ipsec device
	Packet  []byte          // from its IP header on; empty: it was not kept
}

// Relay is what a relay needs of the table all the time, without its lock: the events,
// and the sign that somebody takes them.
type Relay struct {
	events *ringbuf.Reader
	shared *shared[bpf.ABIRelay]
}

// OpenRelay opens the events of the calling thread's network namespace, making the table
// if there is none.
func OpenRelay() (*Relay, error) {
	t, err := OpenWrite()
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	mem, err := openShared[bpf.ABIRelay](t.maps["eroute_relay"], false)
	if err != nil {
		return nil, err
	}
	events, err := ringbuf.NewReader(t.maps["eroute_events"])
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open events: %w", err), mem.Close())
	}
	return &Relay{events, mem}, nil
}

// Alive tells the programs that events are taken for this long from now on; 0: no more.
func (r *Relay) Alive(d time.Duration) error {
	if d == 0 {
		atomic.StoreUint64(&r.shared.value.AliveUntil, 0)
		return nil
	}
	now, err := monotonic()
	atomic.StoreUint64(&r.shared.value.AliveUntil, now+uint64(d))
	return err
}

// relayRuns tells whether a relay takes events.
func (t *Table) relayRuns() (bool, error) {
	now, err := monotonic()
	return atomic.LoadUint64(&t.relay.now().AliveUntil) > now, err
}

// SetRate sets how many ACQUIREs each trap may make a second; a second's worth may come
// at once. Not 0.
func (r *Relay) SetRate(perSecond uint32) {
	atomic.StoreUint64(&r.shared.value.TrapInterval, uint64(time.Second)/uint64(perSecond))
}

// Read returns the next event, or os.ErrDeadlineExceeded after this time without one,
// or ringbuf.ErrClosed.
func (r *Relay) Read(wait time.Duration) (Event, error) {
	r.events.SetDeadline(time.Now().Add(wait))
	record, err := r.events.Read()
	if err != nil {
		return Event{}, err
	}
	return parseEvent(record.RawSample)
}

// Close stops the programs from making events.
func (r *Relay) Close() error {
	return errors.Join(r.Alive(0), r.events.Close(), r.shared.Close())
}

func parseEvent(b []byte) (Event, error) {
	var e bpf.ABIEvent
	n := int(unsafe.Sizeof(e))
	if _, err := binary.Decode(b, binary.NativeEndian, &e); err != nil {
		return Event{}, fmt.Errorf("read event: %w", err)
	}
	if n+int(e.Len) > len(b) {
		return Event{}, fmt.Errorf("read event: packet of %d bytes in %d", e.Len, len(b)-n)
	}
	flow := flowSelector(&e.Flow)
	return Event{
		Acquire: e.Kind == uint32(bpf.ABIEventKindEVENT_ACQUIRE),
		Gap:     e.Kind == uint32(bpf.ABIEventKindEVENT_GAP),
		Time:    monotonicToWall(e.Time),
		Flow:    flow,
		Trap:    trapOf(flow, e.TrapSrcPrefixlen, e.TrapDstPrefixlen),
		Device:  int(e.Device),
		Packet:  b[n : n+int(e.Len)],
	}, nil
}

// initialRelay is what programs find before the first relay: none, but rates.
func initialRelay(m *ebpf.Map) error {
	if err := m.Put(uint32(0), bpf.ABIRelay{TrapInterval: uint64(time.Second) / DefaultRate}); err != nil {
		return fmt.Errorf("write relay state: %w", err)
	}
	return nil
}

// DefaultRate is how many ACQUIREs a trap may make a second.
const DefaultRate = 1000

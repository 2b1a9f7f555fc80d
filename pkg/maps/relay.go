// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Event is a packet that met a trap or a hold, or a command's message about a hold.
type Event struct {
	Ended   End  // of the hold; 0: it is a packet
	Acquire bool // it met a trap, and made the flow; else it met the flow's hold
	Gap     bool // it met an answered flow whose SA has just gone or come
	Time    time.Time
	Flow    abi.FlowID      // of the hold; none for Cleared
	Trap    eroute.Selector // for Acquire only
	Device  int             // ifindex of the ipsec device
	Packet  []byte          // from its IP header on; empty: it was not kept
}

// Relay is what a relay needs of the table all the time, without its lock: the events,
// and the sign that somebody takes them.
type Relay struct {
	lock   *os.File // of the only relay
	ring   *ebpf.Map
	events *ringbuf.Reader
	shared *pinned.Shared[bpf.ABIRelay]
}

// openRelay opens the events of a table for its relay: relay and events are its maps, which may be closed
// afterwards, dir is its pin directory. Returns ErrRelayRuns if there is a relay.
func openRelay(dir *loader.Dir, relay, events *ebpf.Map) (_ *Relay, err error) {
	r := &Relay{}
	defer func() {
		if err != nil {
			_ = r.closeAll()
		}
	}()
	if r.lock, err = lockRelay(dir); err != nil {
		return nil, err
	}
	if r.shared, err = pinned.OpenShared[bpf.ABIRelay](relay, false); err != nil {
		return nil, err
	}
	if r.ring, err = events.Clone(); err != nil {
		return nil, fmt.Errorf("open events: %w", err)
	}
	if r.events, err = ringbuf.NewReader(r.ring); err != nil {
		return nil, fmt.Errorf("open events: %w", err)
	}
	r.events.SetDeadline(time.Unix(1, 0)) // it never waits
	return r, nil
}

// Alive tells the programs that events are taken for this long from now on; 0: no more.
func (r *Relay) Alive(d time.Duration) error {
	if d == 0 {
		atomic.StoreUint64(&r.shared.Value.AliveUntil, 0)
		return nil
	}
	now, err := abi.Monotonic()
	atomic.StoreUint64(&r.shared.Value.AliveUntil, now+uint64(d))
	return err
}

// relayAlive tells whether a relay takes events.
func relayAlive(state *bpf.ABIRelay) (bool, error) {
	now, err := abi.Monotonic()
	return atomic.LoadUint64(&state.AliveUntil) > now, err
}

// SetRate sets how many ACQUIREs each trap may make a second; a second's worth may come
// at once. Not 0.
func (r *Relay) SetRate(perSecond uint32) {
	atomic.StoreUint64(&r.shared.Value.TrapInterval, uint64(time.Second)/uint64(perSecond))
}

// Wait returns when there is an event, or after this time.
func (r *Relay) Wait(wait time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(r.ring.FD()), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, int(wait.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for events: %w", err)
	}
	return nil
}

// Read returns the next event, or os.ErrDeadlineExceeded if there is none.
func (r *Relay) Read() (Event, error) {
	record, err := r.events.Read()
	if err != nil {
		return Event{}, err
	}
	return parseEvent(record.RawSample)
}

// MostEvents is more than the ring buffer can hold.
const MostEvents = int(bpf.ABILimitsEVENTS_SIZE) / int(unsafe.Sizeof(bpf.ABIEvent{}))

// Close stops the programs from making events.
func (r *Relay) Close() error { return errors.Join(r.Alive(0), r.closeAll()) }

func (r *Relay) closeAll() error {
	var errs []error
	if r.events != nil {
		errs = append(errs, r.events.Close())
	}
	if r.ring != nil {
		errs = append(errs, r.ring.Close())
	}
	if r.shared != nil {
		errs = append(errs, r.shared.Close())
	}
	if r.lock != nil {
		errs = append(errs, r.lock.Close())
	}
	return errors.Join(errs...)
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
	if how := slices.Index(endKinds[1:], bpf.ABIEventKind(e.Kind)) + 1; how > 0 {
		ended := Event{Ended: End(how), Time: abi.MonotonicToWall(e.Time)}
		if ended.Ended != Cleared {
			ended.Flow = abi.FlowID{Selector: abi.FlowSelector(&e.Flow), Serial: e.Serial}
		}
		return ended, nil
	}
	flow := abi.FlowSelector(&e.Flow)
	return Event{
		Acquire: e.Kind == uint32(bpf.ABIEventKindEVENT_ACQUIRE),
		Gap:     e.Kind == uint32(bpf.ABIEventKindEVENT_GAP),
		Time:    abi.MonotonicToWall(e.Time),
		Flow:    abi.FlowID{Selector: flow, Serial: e.Serial},
		Trap:    abi.TrapOf(flow, e.TrapSrcPrefixlen, e.TrapDstPrefixlen),
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

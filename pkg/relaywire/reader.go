// SPDX-License-Identifier: Apache-2.0

package relaywire

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

// Event is a packet that matched a trap or a hold, or a message of a command about a hold.
type Event struct {
	HoldEnd HoldEndReason // of a message; 0: a packet
	Acquire bool          // the packet matched a trap and created the flow; else it matched the hold of the flow
	Gap     bool          // the packet matched an answered flow whose SA has just been deleted or added
	Time    time.Time
	Flow    abi.FlowID      // not for Cleared
	Trap    eroute.Selector // for Acquire only
	Device  int             // ifindex of the ipsec device
	Packet  []byte          // from the IP header on; empty: not kept
}

// Reader reads the events of a table and has the lock of the relay. It does not need the lock of the table.
type Reader struct {
	lock   *os.File
	ring   *ebpf.Map
	events *ringbuf.Reader
	shared *pinned.Shared[bpf.ABIRelay]
}

// Open opens the events of a table. relay and events are its maps, which may be closed afterwards, dir its pin
// directory. Returns ErrRunning if there is a relay.
func Open(dir *loader.Dir, relay, events *ebpf.Map) (_ *Reader, err error) {
	r := &Reader{}
	defer func() {
		if err != nil {
			_ = r.closeAll()
		}
	}()
	if r.lock, err = lock(dir); err != nil {
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
	r.events.SetDeadline(time.Unix(1, 0)) // Read never blocks
	return r, nil
}

// SetAlive is the heartbeat of the relay: programs make events for this time from now on. 0 stops them.
func (r *Reader) SetAlive(d time.Duration) error {
	if d == 0 {
		atomic.StoreUint64(&r.shared.Value.AliveUntil, 0)
		return nil
	}
	now, err := abi.Monotonic()
	atomic.StoreUint64(&r.shared.Value.AliveUntil, now+uint64(d))
	return err
}

// IsAlive reports whether a relay reads events; state is the value of the relay map.
func IsAlive(state *bpf.ABIRelay) (bool, error) {
	now, err := abi.Monotonic()
	return atomic.LoadUint64(&state.AliveUntil) > now, err
}

// SetRate limits the ACQUIREs of each trap, per second. The burst is those of one second. perSecond must not be 0.
func (r *Reader) SetRate(perSecond uint32) {
	atomic.StoreUint64(&r.shared.Value.TrapInterval, uint64(time.Second)/uint64(perSecond))
}

// Wait blocks until there is an event, at most for a time.
func (r *Reader) Wait(wait time.Duration) error {
	fds := []unix.PollFd{{Fd: int32(r.ring.FD()), Events: unix.POLLIN}}
	if _, err := unix.Poll(fds, int(wait.Milliseconds())); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for events: %w", err)
	}
	return nil
}

// Read returns the next event, or os.ErrDeadlineExceeded if there is none.
func (r *Reader) Read() (Event, error) {
	record, err := r.events.Read()
	if err != nil {
		return Event{}, err
	}
	return parseEvent(record.RawSample)
}

// MaxEvents is an upper bound of the number of events in the ring buffer.
const MaxEvents = int(bpf.ABILimitsEVENTS_SIZE) / int(unsafe.Sizeof(bpf.ABIEvent{}))

// Close stops the programs from making events and releases the lock.
func (r *Reader) Close() error { return errors.Join(r.SetAlive(0), r.closeAll()) }

func (r *Reader) closeAll() error {
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
	if reason := slices.Index(endEventKinds[1:], bpf.ABIEventKind(e.Kind)) + 1; reason > 0 {
		ended := Event{HoldEnd: HoldEndReason(reason), Time: abi.MonotonicToWall(e.Time)}
		if ended.HoldEnd != Cleared {
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

// Initialize writes the state of the relay of a new table: no relay runs, DefaultRate.
func Initialize(m *ebpf.Map) error {
	if err := m.Put(uint32(0), bpf.ABIRelay{TrapInterval: uint64(time.Second) / DefaultRate}); err != nil {
		return fmt.Errorf("write relay state: %w", err)
	}
	return nil
}

// DefaultRate is the default of the ACQUIREs of a trap per second.
const DefaultRate = 1000

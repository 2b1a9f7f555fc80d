// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/netlisten"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Config configures a relay.
type Config struct {
	HoldLifetime time.Duration             // lifetime of a hold without traffic and answer; with traffic, the interval of requests
	MaxPackets   int                       // stored in total
	MaxBytes     int                       // stored in total
	Rate         uint32                    // ACQUIREs per second and trap
	Exec         string                    // command to run for each ACQUIRE; empty: none
	Events       func(journal.Event) error // receives each event; nil: none
	Counters     *Counters                 // counts events; nil: none
	Confine      bool                      // drop, for the whole process, the privileges that are not needed after start
	Confined     func()                    // called when they are dropped, before events are handled; nil: none
	Log          *slog.Logger
}

// Defaults of a Config.
const (
	DefaultHoldLifetime = 30 * time.Second // net.core.xfrm_acq_expires
	DefaultMaxPackets   = 65536
	DefaultMaxBytes     = 64 << 20
)

const (
	// heartbeatTimeout is the time after the last heartbeat for which the programs consider the relay alive.
	heartbeatTimeout = 3 * time.Second
	// settleTime is the time to wait for further changes of XFRM, which are then handled together.
	settleTime = 5 * time.Millisecond
	// settleLimit is the time after which changes are handled though there are more.
	settleLimit = 100 * time.Millisecond
	// patience is the time after which a hold's end is detected without a message from a command.
	patience = 2 * time.Second
)

// relay is the state of a running relay. It is owned by the event-loop goroutine; others only send on channels.
type relay struct {
	Config
	reporter
	table           *relaywire.Reader
	xfrm            *xfrm.Handle // nil: the kernel has no XFRM
	exec            *runner
	store           *store
	sender          outlet
	intake          *intake
	requested       map[abi.FlowID]time.Time      // flows that wait for an SA, with the time of the request
	lost            map[eroute.Selector]time.Time // flows that ended because their SA was deleted
	ages            ages
	perCPU          perCPU
	cachedAnswers   *answers        // cached until XFRM changes; nil: not read
	left            map[string]bool // policies that were logged because not all of their packets have an eroute
	policiesChanged atomic.Bool     // since the table was found to follow them
	followedVersion uint64          // of the table then
	followAgain     time.Time       // when to repeat a comparison that has failed; zero: none has
	loggedNoRoom    time.Time       // when the relay logged last that the table has no room for answers
	seq             uint32

	requests []request   // pending requests
	open     *maps.Table // while the table is locked
}

// Run runs a relay for the network namespace of the process until the context ends. It returns
// maps.ErrRelayRuns if one is running already.
func Run(ctx context.Context, c Config) (err error) {
	table, err := maps.OpenRelay()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	table.SetRate(c.Rate)
	monitors, err := journal.NewPublisher()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, monitors.Close()) }()

	if c.Counters == nil {
		c.Counters = &Counters{}
	}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	r := &relay{
		Config: c, reporter: reporter{log: c.Log, events: c.Events, counts: c.Counters, monitors: monitors}, table: table,
		exec:   newRunner(ctx, c.Exec, c.Log, execTimeout),
		store:  newStore(c.MaxPackets, c.MaxBytes),
		sender: newSender(), intake: newIntake(table),
		requested: make(map[abi.FlowID]time.Time), lost: make(map[eroute.Selector]time.Time),
		ages: ages{seen: make(map[xfrm.StateKey]uint64)}, perCPU: perCPU{requested: make(map[cpuRequest]time.Time)},
	}
	defer func() {
		cancel()
		r.exec.wait()
		err = errors.Join(err, r.sender.close())
	}()
	changed := make(chan struct{}, 1)
	switch r.xfrm, err = xfrm.Open(); {
	case errors.Is(err, unix.EPROTONOSUPPORT):
		c.Log.Warn("this kernel has no XFRM: ACQUIREs go to --exec only")
	case err != nil:
		return err
	default:
		defer func() { err = errors.Join(err, r.xfrm.Close()) }()
		watcher, err := xfrm.Watch()
		if err != nil {
			return err
		}
		defer func() { _ = watcher.Close() }()
		group.Go(func() error { return r.watch(ctx, watcher, changed) })
	}
	interfaces, err := device.Watch()
	if err != nil {
		return err
	}
	defer func() { _ = interfaces.Close() }()
	if c.Confine {
		if err := confine(c.Exec != ""); err != nil {
			return err
		}
	}
	if c.Confined != nil {
		c.Confined()
	}
	// Before new holds arrive.
	if err := r.adopt(); err != nil {
		return err
	}
	group.Go(func() error { return r.intake.run(ctx, r.sendHeartbeat) })
	group.Go(func() error { return (&linkFollower{log: c.Log}).run(ctx, interfaces) })
	group.Go(func() error { return r.loop(ctx, changed) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// sendHeartbeat sends a heartbeat to the programs; if no key manager listens, it marks the relay as not alive.
func (r *relay) sendHeartbeat() error {
	if r.hasListener() {
		return r.table.SetAlive(heartbeatTimeout)
	}
	return r.table.SetAlive(0)
}

// hasListener reports whether an ACQUIRE has a receiver: a key manager that listens to XFRM, a reader of
// the events, or a command.
func (r *relay) hasListener() bool {
	if r.exec != nil || r.Events != nil {
		return true
	}
	n, err := xfrm.Listeners()
	if err != nil {
		r.log.Warn("look for key managers", "error", err)
	}
	return n > 0
}

func (r *relay) watch(ctx context.Context, watcher *netlisten.Socket, changed chan<- struct{}) error {
	for ctx.Err() == nil {
		err := watcher.Wait(heartbeatTimeout/6, func(kind uint16) {
			if xfrm.ChangesPolicies(kind) {
				r.policiesChanged.Store(true)
			}
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		signal(changed)
	}
	return ctx.Err()
}

func (r *relay) loop(ctx context.Context, changed <-chan struct{}) error {
	notify(r.log, daemon.SdNotifyReady)
	tick := time.NewTicker(min(time.Second, max(r.HoldLifetime/4, 10*time.Millisecond)))
	defer tick.Stop()
	settled, unsettled := time.NewTimer(0), time.Time{} // since when changes wait
	r.policiesChanged.Store(true)
	for {
		r.Counters.setUsage(r.store)
		var err error
		select {
		case <-ctx.Done():
			notify(r.log, daemon.SdNotifyStopping)
			return ctx.Err()
		case <-r.intake.come:
			err = r.drain()
		case <-changed:
			r.cachedAnswers = nil
			if unsettled.IsZero() {
				unsettled = time.Now()
			}
			settled.Reset(min(settleTime, time.Until(unsettled.Add(settleLimit))))
		case <-settled.C:
			unsettled = time.Time{}
			err = r.follow(ctx)
		case <-tick.C:
			notify(r.log, daemon.SdNotifyWatchdog)
			err = r.tick()
			if !r.followAgain.IsZero() && time.Now().After(r.followAgain) {
				r.followAgain = time.Time{}
				r.policiesChanged.Store(true)
				settled.Reset(0)
			}
		}
		err = errors.Join(err, r.requestSAs(ctx))
		if err != nil && ctx.Err() == nil {
			// An error with one flow must not affect the others.
			r.log.Error("relay", "error", err)
			r.Counters.failed()
		}
	}
}

// notify sends a state to systemd, if systemd started this process (sd_notify(3)).
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("notify systemd", "state", state, "error", err)
	}
}

// adopt takes over the holds of a previous relay.
func (r *relay) adopt() error {
	return r.read(func(t *maps.Table) error {
		flows, err := t.Flows()
		for _, f := range flows {
			if f.SAID == eroute.Hold {
				r.requested[f.ID()] = f.LastAcquire
				r.report(journal.Event{Kind: journal.KindHold, Flow: f.Selector, Eroute: f.Selector, SAID: f.SAID, Device: f.Device, Detail: "picked up"})
			}
		}
		return err
	})
}

// ended handles the end of a %hold that a command has replaced or deleted. All of its packets have arrived.
func (r *relay) ended(e relaywire.Event) {
	_, requested := r.requested[e.Flow]
	switch e.HoldEnd {
	case relaywire.Released:
		if !requested && r.store.holds[e.Flow] == nil {
			return
		}
		r.release(e.Flow, r.now(e.Flow), "replaced")
	case relaywire.Freed:
		r.free(e.Flow, "deleted")
	case relaywire.Cleared:
		for flow := range r.store.holds {
			r.free(flow, "cleared")
		}
		for flow, since := range r.requested { // the message may be for a previous relay
			if since.Before(e.Time) {
				delete(r.requested, flow)
			}
		}
	}
}

// now returns the eroute that matches a flow's packets now.
func (r *relay) now(flow abi.FlowID) (met eroute.Eroute) {
	h := r.store.holds[flow]
	if h == nil {
		return met
	}
	shown, err := eroute.ParsePacket(h.packets[0].bytes)
	if err == nil {
		err = r.read(func(t *maps.Table) (err error) {
			met, _, err = t.Lookup(shown)
			return err
		})
	}
	if err != nil {
		r.log.Warn("look up held packet", "flow", describe(flow.Selector), "error", err)
	}
	return met
}

// release sends a flow's stored packets, in order, and reports it.
func (r *relay) release(flow abi.FlowID, met eroute.Eroute, detail string) {
	event := journal.Event{Kind: journal.KindRelease, Flow: flow.Selector, Eroute: met.Selector, SAID: met.SAID, Detail: detail}
	r.send(flow, &event)
	r.report(event)
}

// send sends a flow's stored packets, and counts them in an event.
func (r *relay) send(flow abi.FlowID, event *journal.Event) {
	delete(r.requested, flow)
	for _, p := range r.store.take(flow) {
		event.Device = p.device
		if err := r.sender.send(p); err != nil {
			r.report(journal.Event{Kind: journal.KindLost, Flow: flow.Selector, Device: p.device, Packets: 1, Detail: err.Error()})
			continue
		}
		event.Packets++
	}
}

// free drops a flow's stored packets.
func (r *relay) free(flow abi.FlowID, detail string) {
	delete(r.requested, flow)
	if packets := r.store.take(flow); len(packets) > 0 {
		r.report(journal.Event{Kind: journal.KindLost, Flow: flow.Selector, Device: packets[0].device, Packets: len(packets), Detail: detail})
	}
}

// read calls f with the table open for reading. It may be called while the table is locked.
func (r *relay) read(f func(*maps.Table) error) error {
	if r.open != nil {
		return f(r.open)
	}
	t, err := maps.OpenRead()
	if err != nil {
		return err
	}
	return errors.Join(f(t), t.Close())
}

func (r *relay) write(f func(*maps.Table) error) error {
	t, err := maps.OpenWrite()
	if err != nil {
		return err
	}
	r.open = t
	defer func() { r.open = nil }()
	return errors.Join(f(t), t.Close())
}

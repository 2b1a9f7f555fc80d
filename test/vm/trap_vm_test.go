// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
)

// relayVariable makes the test binary run a relay instead of tests, with this lifetime of holds: a relay
// belongs to its process's network namespace.
const relayVariable = "EROUTE_TEST_RELAY"

func TestMain(m *testing.M) {
	text := os.Getenv(relayVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	lifetime, err := time.ParseDuration(text)
	if err != nil {
		panic(err)
	}
	err = acquire.Run(context.Background(), acquire.Config{
		HoldLifetime: lifetime, MaxPackets: acquire.DefaultMaxPackets, MaxBytes: acquire.DefaultMaxBytes,
		Rate: relaywire.DefaultRate, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		slog.Error("relay", "error", err)
		os.Exit(1)
	}
}

// startRelay runs a relay on East until the test ends. It returns its log, to be read when no more packets
// arrive.
func (b bench) startRelay(t *testing.T, holdLifetime time.Duration) *relayLog {
	t.Helper()
	cmd := b.East.Command(context.Background(), os.Args[0])
	cmd.Env = append(os.Environ(), relayVariable+"="+holdLifetime.String())
	log := &relayLog{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("relay:\n%s", log)
		}
	})
	for ctx := within(t, 20*time.Second); !b.stats(t).Relay; time.Sleep(20 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("no relay after 20 s:\n%s", log)
		}
	}
	return log
}

// relayLog is the output of a relay.
type relayLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *relayLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *relayLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// checkNothingLost checks that the relay has discarded no packet.
func (l *relayLog) checkNothingLost(t *testing.T) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, "msg=lost") || strings.Contains(line, "msg=reap") && strings.Contains(line, "packets=") {
			t.Errorf("lost by the relay: %s", line)
		}
	}
}

// orderPatience is the maximum delay of an answer on a busy machine without hardware support. Packets that
// the relay forgets until it next examines its holds take longer.
const orderPatience = 1500 * time.Millisecond

// checkInOrder checks that answers arrived in the order of the requests, and none later than most. One in 200
// may be overtaken: packets that two CPUs process at the same time are, also without a relay.
func checkInOrder(t *testing.T, r lab.PingResult, most time.Duration) {
	t.Helper()
	if late, slowest := r.Late(), r.Slowest(); late > len(r.Answers)/200 || slowest.RTT > most {
		t.Errorf("%d of %d answers came behind later ones, the slowest %+v", late, len(r.Answers), slowest)
	}
}

// listen subscribes to ACQUIREs on East until the test ends, without an action: without a subscriber a relay
// accepts no packets.
func (b bench) listen(t *testing.T) {
	t.Helper()
	cmd := b.East.Command(context.Background(), "ip", "xfrm", "monitor", "acquire")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// trap adds a trap with a reqid.
func (b bench) trap(t *testing.T, s eroute.Selector, said eroute.SAID, reqid uint32) {
	t.Helper()
	params := eroute.DefaultAcquire
	params.ReqID = reqid
	b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: said, Acquire: params})
	t.Cleanup(func() { b.del(t, s) })
}

// waitSAID waits until the eroute with this selector has a SAID.
func (b bench) waitSAID(t *testing.T, s eroute.Selector, want string) {
	t.Helper()
	var got eroute.Eroute
	for ctx := within(t, 20*time.Second); ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		got = eroute.Eroute{}
		b.read(t, func(table *maps.Table) error {
			for e, err := range table.All() {
				if err != nil {
					return err
				}
				if e.Selector == s {
					got = e
				}
			}
			return nil
		})
		if got.Selector == s && got.SAID.String() == want || got.Selector != s && want == "" {
			return
		}
	}
	t.Fatalf("eroute %v, want %s", got, want)
}

// The first packet into a trap is kept until there is an SA, and leaves through it; the flow moves to the
// next SA when it is rekeyed, and is trapped again when the last one is deleted. No packet is in clear.
//
//vm:alone
func TestTrapToSA(t *testing.T) {
	for _, said := range []eroute.SAID{eroute.Trap, eroute.TrapSubnet} {
		t.Run(said.String(), func(t *testing.T) {
			b := newBench(t, lab.LAN)
			trap := nets(lab.EastLAN4, lab.WestLAN4)
			b.trap(t, trap, said, 7)
			b.listen(t)
			b.startRelay(t, 5*time.Second)
			flow := trap
			if said == eroute.Trap {
				flow = nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))
			}
			stop := b.wire(t)
			const count = 600
			wait := startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{Dst: b.WestHost.LAN4, Count: 1, Wait: 30 * time.Second})
			b.waitSAID(t, flow, "%hold")
			first := install(t, lab.Tunnel{From: b.East, To: b.West, ReqID: 7})
			b.waitSAID(t, flow, first.TunSAID())
			if r := wait(); r.Received != 1 {
				t.Errorf("first ping: %+v", r)
			}
			wait = startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{
				Dst: b.WestHost.LAN4, Count: count, Interval: 5 * time.Millisecond, Wait: 10 * time.Second,
			})
			time.Sleep(500 * time.Millisecond)
			second := install(t, lab.Tunnel{From: b.East, To: b.West, ReqID: 7})
			b.waitSAID(t, flow, second.TunSAID())
			if err := first.Remove(); err != nil {
				t.Error(err)
			}
			r := wait()
			if r.Received != count {
				t.Errorf("pings: %d of %d answered", r.Received, count)
			}
			checkInOrder(t, r, orderPatience)
			frames := stop()
			if n := frames.Count(lab.Match{Src: lab.EastLAN4, Dst: lab.WestLAN4}); n != 0 {
				t.Errorf("%d packets in clear", n)
			}
			for _, sa := range []*lab.SA{first, second} {
				if frames.Count(lab.Match{SPI: sa.SPI}) == 0 {
					t.Errorf("no packet went through SPI %#x", sa.SPI)
				}
			}
			if err := second.Remove(); err != nil {
				t.Error(err)
			}
			if said == eroute.Trap {
				b.waitSAID(t, flow, "")
			} else {
				b.waitSAID(t, flow, said.String())
			}
		})
	}
}

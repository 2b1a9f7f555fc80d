// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/internal/schema"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/monitor"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// testEvents returns one event of each kind, and its line without time and name.
func testEvents() (events []monitor.Event, lines []string) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 1500, time.UTC)
	net := eroute.Selector{Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16")}
	flow := eroute.Selector{
		Src: netip.MustParsePrefix("2001:db8::1/128"), Dst: netip.MustParsePrefix("2001:db8::2/128"),
		Proto: eroute.ProtoTCP, DstPort: 22,
	}
	host := eroute.Selector{Src: netip.MustParsePrefix("10.1.0.1/32"), Dst: netip.MustParsePrefix("10.2.0.1/32")}
	notice := func(line string, n journal.Event) {
		n.Time = at
		events, lines = append(events, monitor.Event{Time: at, Notice: &n}), append(lines, line)
	}
	sa := func(line string, c xfrm.Change) {
		events, lines = append(events, monitor.Event{Time: at, SA: &c}), append(lines, line)
	}
	missed := func(line string, m monitor.Missed) {
		events, lines = append(events, monitor.Event{Time: at, Missed: &m}), append(lines, line)
	}
	notice("add         10.1.0.0/16 -> 10.2.0.0/16 => tun0x1000@192.0.2.2", journal.Event{Kind: journal.KindAdd, Eroute: net, SAID: testSAID})
	notice("replace     2001:db8::1/128 -> [2001:db8::2/128]:22 protocol 6 => %drop", journal.Event{Kind: journal.KindReplace, Eroute: flow, SAID: eroute.Drop})
	notice("del         10.1.0.0/16 -> 10.2.0.0/16", journal.Event{Kind: journal.KindDel, Eroute: net})
	notice("clear", journal.Event{Kind: journal.KindClear})
	notice("restore     1 added, 0 changed, 0 deleted, 2 kept", journal.Event{Kind: journal.KindRestore, Detail: "1 added, 0 changed, 0 deleted, 2 kept"})
	notice("hold        10.1.0.1/32 -> 10.2.0.1/32 => %hold, lo, 1 packet", journal.Event{Kind: journal.KindHold, Flow: host, Eroute: host, SAID: eroute.Hold, Device: 1, Packets: 1})
	notice("acquire     10.1.0.1/32 -> 10.2.0.1/32 by 10.1.0.0/16 -> 10.2.0.0/16 => %trap, lo", journal.Event{Kind: journal.KindAcquire, Flow: host, Eroute: net, SAID: eroute.Trap, Device: 1})
	notice("release     10.1.0.1/32 -> 10.2.0.1/32 => tun0x1000@192.0.2.2, 2 packets: answered", journal.Event{Kind: journal.KindRelease, Flow: host, Eroute: host, SAID: testSAID, Packets: 2, Detail: "answered"})
	notice("reap        10.1.0.1/32 -> 10.2.0.1/32: no traffic", journal.Event{Kind: journal.KindReap, Flow: host, Detail: "no traffic"})
	notice("lost        interface 999999, 3 packets", journal.Event{Kind: journal.KindLost, Device: 999999, Packets: 3})
	state := testLifetime.State
	sa("sa-add      esp spi 0x1000 dst 192.0.2.2 src 192.0.2.1, tunnel mode, reqid 7, if_id 0x65000000", xfrm.Change{Kind: xfrm.StateAdded, State: state})
	state.Src, state.ReqID, state.IfID, state.Mode = netip.IPv4Unspecified(), 0, 0, xfrm.ModeTransport
	sa("sa-update   esp spi 0x1000 dst 192.0.2.2, transport mode", xfrm.Change{Kind: xfrm.StateUpdated, State: state})
	sa("sa-del      esp spi 0x1000 dst 192.0.2.2, transport mode", xfrm.Change{Kind: xfrm.StateDeleted, State: state})
	sa("sa-expiring esp spi 0x1000 dst 192.0.2.2, transport mode", xfrm.Change{Kind: xfrm.StateExpiring, State: state})
	state.Proto = 4
	sa("sa-expired  protocol 4 spi 0x1000 dst 192.0.2.2, transport mode", xfrm.Change{Kind: xfrm.StateExpired, State: state})
	sa("sa-flush    all of ah", xfrm.Change{Kind: xfrm.StatesFlushed, State: xfrm.State{StateKey: xfrm.StateKey{Proto: eroute.ProtoAH}}})
	sa("sa-flush    all", xfrm.Change{Kind: xfrm.StatesFlushed})
	sa("sa-migrate  protocol 4 spi 0x1000 dst 192.0.2.2, transport mode, from dst 192.0.2.9", xfrm.Change{Kind: xfrm.StateMigrated, State: state, From: netip.MustParseAddr("192.0.2.9")})
	missed("missed      7 events lost: journal overflow", monitor.Missed{Count: 7, Why: monitor.TooSlow})
	missed("missed      events lost: the table was recreated", monitor.Missed{Why: monitor.NewTable})
	return events, lines
}

// runMonitorWith runs a monitor with these events.
func runMonitorWith(events []monitor.Event, end error, args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := testEnv(nil, &out, &errs)
	e.monitor = func(_ context.Context, publish func(monitor.Event) error) error {
		for _, event := range events {
			if err := publish(event); err != nil {
				return err
			}
		}
		return end
	}
	status = run(context.Background(), e, append([]string{"monitor"}, args...))
	return status, out.String(), errs.String()
}

func TestMonitorText(t *testing.T) {
	events, lines := testEvents()
	status, stdout, stderr := runMonitorWith(events, nil)
	for i := range lines {
		lines[i] = "2026-11-24T12:00:00.000001Z " + lines[i]
	}
	if diff := cmp.Diff(strings.Join(lines, "\n")+"\n", stdout); diff != "" || status != 0 || stderr != "" {
		t.Errorf("status %d, stderr %q (-want +got)\n%s", status, stderr, diff)
	}
}

func TestMonitorJSON(t *testing.T) {
	events, _ := testEvents()
	status, stdout, stderr := runMonitorWith(events, nil, "--json")
	if err := schema.CheckLines([]byte(stdout)); err != nil || status != 0 || stderr != "" {
		t.Errorf("status %d, stderr %q, %v", status, stderr, err)
	}
	lines := strings.Split(stdout, "\n")
	if len(lines) != len(events)+1 {
		t.Fatalf("%d lines of %d events", len(lines)-1, len(events))
	}
	for i, want := range map[int]string{
		1:               `{"event":"replace","time":"2026-11-24T12:00:00.0000015Z","eroute":{"src":"2001:db8::1/128","dst":"2001:db8::2/128","proto":6,"dst_port":22,"said":"%drop"}}`,
		3:               `{"event":"clear","time":"2026-11-24T12:00:00.0000015Z"}`,
		5:               `{"event":"hold","time":"2026-11-24T12:00:00.0000015Z","flow":{"src":"10.1.0.1/32","dst":"10.2.0.1/32"},"eroute":{"src":"10.1.0.1/32","dst":"10.2.0.1/32","said":"%hold"},"device":"lo","packets":1}`,
		10:              `{"event":"sa-add","time":"2026-11-24T12:00:00.0000015Z","sa":{"proto":"esp","spi":4096,"src":"192.0.2.1","dst":"192.0.2.2","mode":"tunnel","reqid":7,"if_id":1694498816}}`,
		16:              `{"event":"sa-flush","time":"2026-11-24T12:00:00.0000015Z","sa":{}}`,
		len(events) - 2: `{"event":"missed","time":"2026-11-24T12:00:00.0000015Z","count":7,"detail":"journal overflow"}`,
	} {
		if lines[i] != want {
			t.Errorf("line %d is\n%s\nwant\n%s", i, lines[i], want)
		}
	}
}

// TestMonitorErrors checks that errors of the monitor and of the output are reported.
func TestMonitorErrors(t *testing.T) {
	if status, _, stderr := runMonitorWith(nil, errors.New("broken")); status != 1 || stderr != "ipsec monitor: broken\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	for _, args := range [][]string{{"--interval", "1"}, {"now"}, {"--json", "--json"}} {
		status, stdout, stderr := runMonitorWith(nil, nil, args...)
		if err := checkRefusal([]string{"monitor"}, status, stdout, stderr); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

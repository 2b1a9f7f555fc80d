// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testlab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// virtual is the name of East's ipsec device.
const virtual = "ipsec0"

// bench is a lab in which East has an ipsec device, and the routes to West's LAN lead into it.
type bench struct{ *lab.Lab }

// newLab is a lab that exists until the test ends.
func newLab(t *testing.T) bench {
	t.Helper()
	return bench{testlab.New(t, "esp")}
}

// newBench is a lab with ipsec0 on East, and the fast path on the interfaces named.
func newBench(t *testing.T, ingress ...string) bench {
	t.Helper()
	b := newLab(t)
	b.attach(t, ingress...)
	b.routeLANs(t)
	return b
}

// shared are the benches of sharedBench, by ingress interfaces.
var shared = map[string]bench{}

// sharedBench is a bench like newBench's that tests share: the kernel takes seconds to verify the programs. A test
// removes what it adds; after one that failed or left something the next has a new bench.
func sharedBench(t *testing.T, ingress ...string) bench {
	t.Helper()
	key := strings.Join(ingress, " ")
	b, exists := shared[key]
	if !exists {
		l, err := lab.New("esp")
		if err != nil {
			t.Fatal(err)
		}
		b = bench{l}
		err = b.change(func(table *maps.Table) error { return b.attachTo(t, table, routed(ingress)) })
		if err == nil {
			err = b.routeBoth()
		}
		if err != nil {
			t.Fatal(errors.Join(err, b.close()))
		}
		shared[key] = b
	}
	before := b.content(t)
	t.Cleanup(func() {
		after := b.content(t)
		if after == before && !t.Failed() {
			return
		}
		t.Logf("the next test has a new bench (-before +after):\n%s", cmp.Diff(before, after))
		delete(shared, key)
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// closeShared removes the shared benches.
func closeShared() error {
	var errs []error
	for _, b := range shared {
		errs = append(errs, b.close())
	}
	return errors.Join(errs...)
}

// close detaches ipsec0 and removes table and lab.
func (b bench) close() error {
	return errors.Join(b.change(func(table *maps.Table) error { return errors.Join(detach(table), table.Dir().Remove()) }), b.Close())
}

// content describes what tests change on a bench: eroutes, and on each node links, addresses, routes, rules, SAs and
// policies.
func (b bench) content(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	b.read(t, func(table *maps.Table) error {
		for e, err := range table.All() {
			if err != nil {
				return err
			}
			fmt.Fprintln(&all, "eroute", e.Selector, e.SAID)
		}
		return nil
	})
	for _, n := range []*lab.Node{b.EastHost, b.East, b.West, b.WestHost} {
		if err := n.Do(func() error { return describe(&all, n.Name) }); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// describe describes the thread's network namespace.
func describe(w io.Writer, node string) error {
	links, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range links {
		a := l.Attrs()
		fmt.Fprintln(w, node, "link", a.Index, a.Name, a.Flags, a.MTU, a.MasterIndex)
	}
	addrs, err1 := netlink.AddrList(nil, netlink.FAMILY_ALL)
	for _, a := range addrs {
		fmt.Fprintln(w, node, "address", a.LinkIndex, a.IPNet)
	}
	routes, err2 := netlink.RouteList(nil, netlink.FAMILY_ALL)
	for _, r := range routes {
		fmt.Fprintln(w, node, "route", r, r.Priority, r.MTU)
	}
	rules, err3 := netlink.RuleList(netlink.FAMILY_ALL)
	for _, r := range rules {
		fmt.Fprintln(w, node, "rule", r)
	}
	states, err4 := netlink.XfrmStateList(netlink.FAMILY_ALL)
	for _, s := range states {
		fmt.Fprintln(w, node, "state", s.Src, s.Dst, s.Proto, s.Spi)
	}
	policies, err5 := netlink.XfrmPolicyList(netlink.FAMILY_ALL)
	for _, p := range policies {
		fmt.Fprintln(w, node, "policy", p.Src, p.Dst, p.Dir, p.Priority, p.Ifid)
	}
	return errors.Join(err1, err2, err3, err4, err5)
}

// routed is the configuration of an ipsec0 that packets are routed into.
func routed(ingress []string) device.Config {
	return device.Config{Virtual: virtual, Physical: lab.WAN, Ingress: ingress, Routed: true}
}

// attach attaches ipsec0 to East's wan until the test ends, for packets that are routed into it, and fails if
// the kernel lacks a feature.
func (b bench) attach(t *testing.T, ingress ...string) {
	t.Helper()
	b.attachAs(t, routed(ingress))
}

// attachAs is attach with any configuration.
func (b bench) attachAs(t *testing.T, c device.Config) {
	t.Helper()
	b.write(t, func(table *maps.Table) error { return b.attachTo(t, table, c) })
	b.detachAtEnd(t)
}

func (b bench) attachTo(t *testing.T, table *maps.Table, c device.Config) error {
	t.Helper()
	notes, err := device.Attach(t.Context(), table, c)
	for _, note := range notes {
		if !strings.HasPrefix(note, "inbound IPv4 transport mode: ") { // GRO of a veth is off: see TestTransportGRO
			t.Errorf("attach %s: %s", virtual, note)
		}
	}
	return err
}

// detachAtEnd detaches ipsec0 and removes the table when the test ends.
func (b bench) detachAtEnd(t *testing.T) {
	t.Cleanup(func() {
		b.write(t, func(table *maps.Table) error {
			return errors.Join(detach(table), table.Dir().Remove())
		})
	})
}

func detach(table *maps.Table) error {
	return device.Detach(context.Background(), table, virtual)
}

func (b bench) routeLANs(t *testing.T) {
	t.Helper()
	if err := b.routeBoth(); err != nil {
		t.Fatal(err)
	}
}

func (b bench) routeBoth() error {
	return errors.Join(b.East.Route(lab.WestLAN4, virtual), b.East.Route(lab.WestLAN6, virtual))
}

// ip runs ip(8) on a node.
func ip(t *testing.T, n *lab.Node, args string) string {
	t.Helper()
	out, err := n.IP(context.Background(), strings.Fields(args)...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// within is a context that ends with the test or after a time.
func within(t *testing.T, d time.Duration) context.Context { return testlab.Within(t, d) }

// startPings pings from a node while the test goes on; wait returns the result.
func startPings(ctx context.Context, t *testing.T, from *lab.Node, p lab.Ping) (wait func() lab.PingResult) {
	t.Helper()
	done := make(chan lab.PingResult, 1)
	go func() {
		r, err := from.Ping(ctx, p)
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	return func() lab.PingResult { return <-done }
}

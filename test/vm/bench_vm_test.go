// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

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

// attach attaches ipsec0 to East's wan until the test ends, for packets that are routed into it, and fails if
// the kernel lacks a feature.
func (b bench) attach(t *testing.T, ingress ...string) {
	t.Helper()
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN, Ingress: ingress, Routed: true})
}

// attachAs is attach with any configuration.
func (b bench) attachAs(t *testing.T, c device.Config) {
	t.Helper()
	b.write(t, func(table *maps.Table) error {
		notes, err := device.Attach(t.Context(), table, c)
		for _, note := range notes {
			if !strings.HasPrefix(note, "inbound IPv4 transport mode: ") { // GRO of a veth is off: see TestTransportGRO
				t.Errorf("attach %s: %s", virtual, note)
			}
		}
		return err
	})
	b.detachAtEnd(t)
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
	if err := errors.Join(b.East.Route(lab.WestLAN4, virtual), b.East.Route(lab.WestLAN6, virtual)); err != nil {
		t.Fatal(err)
	}
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

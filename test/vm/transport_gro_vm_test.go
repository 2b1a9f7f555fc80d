// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/doctor"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// gro checks that GRO of a device of East is on, or off.
func (b bench) gro(t *testing.T, dev string, want bool) {
	t.Helper()
	if on, err := b.East.HasFeature(dev, lab.GRO); err != nil || on != want {
		t.Errorf("GRO of %s is on: %t, %v, want %t", dev, on, err, want)
	}
}

// attachNotes attaches ipsec0 to an interface and returns what attach says.
func (b bench) attachNotes(t *testing.T, physical string) (notes []string) {
	t.Helper()
	b.write(t, func(table *maps.Table) (err error) {
		notes, err = device.Attach(t.Context(), table, device.Config{Virtual: virtual, Physical: physical, Routed: true})
		return err
	})
	return notes
}

// has checks that one of the notes contains a text, or that none does.
func has(t *testing.T, notes []string, text string, want bool) {
	t.Helper()
	if strings.Contains(strings.Join(notes, "\n"), text) != want {
		t.Errorf("attach says %q; of %q want %t", notes, text, want)
	}
}

// inbound checks that doctor judges inbound packets of an SA at this level and with this text.
func (b bench) inbound(t *testing.T, sa *lab.SA, level doctor.Level, text string) {
	t.Helper()
	var said []string
	for _, f := range b.examine(t) {
		if f.Check != "inbound" || !strings.Contains(f.Subject, fmt.Sprintf("%#x", sa.SPI)) {
			continue
		}
		if f.Level == level && strings.Contains(f.Text, text) {
			return
		}
		said = append(said, f.Text)
	}
	t.Errorf("doctor says %q of %s, want %s: %q", said, sa.SAID(), level, text)
}

// Attach turns GRO of the physical interface on where it is off and says so; detach turns it off again, and
// leaves it on where it was. doctor says which inbound packets of SAs in transport mode are lost.
func TestTransportGRO(t *testing.T) {
	b := newLab(t)
	b.gro(t, lab.WAN, false)
	has(t, b.attachNotes(t, lab.WAN), "turned GRO on for wan", true)
	b.gro(t, lab.WAN, true)
	if !xfrm.HasESPOffload() {
		t.Error("attach has not loaded esp4_offload")
	}
	esp := install(t, lab.Tunnel{From: b.West, To: b.East, Mode: lab.TransportMode})
	ah := install(t, lab.Tunnel{From: b.West, To: b.East, Mode: lab.TransportMode, Proto: lab.AH})
	b.inbound(t, esp, doctor.Note, "wan is a veth")
	b.inbound(t, ah, doctor.Problem, "GRO receives ESP only")
	if err := b.East.SetFeature(lab.WAN, lab.GRO, false); err != nil {
		t.Fatal(err)
	}
	b.inbound(t, esp, doctor.Problem, "GRO is off for wan")
	b.follow(t)
	b.gro(t, lab.WAN, false) // the operator's decision stays
	b.write(t, detach)
	b.gro(t, lab.WAN, false)

	if err := b.East.SetFeature(lab.WAN, lab.GRO, true); err != nil {
		t.Fatal(err)
	}
	has(t, b.attachNotes(t, lab.WAN), "turned GRO on", false)
	b.write(t, func(table *maps.Table) error { return errors.Join(detach(table), table.Dir().Remove()) })
	b.gro(t, lab.WAN, true)
}

// GRO is turned on for the interface below a VLAN and for the ports of a bond or bridge, not for the upper interface, and
// off again by detach.
func TestTransportGROStacked(t *testing.T) {
	b := newLab(t)
	ip(t, b.East, "link add br0 type bridge")
	ip(t, b.East, "link set wan master br0")
	ip(t, b.East, "link add link br0 name br0.7 type vlan id 7")
	has(t, b.attachNotes(t, "br0.7"), "turned GRO on for wan", true)
	b.gro(t, lab.WAN, true)
	b.write(t, func(table *maps.Table) error { return errors.Join(detach(table), table.Dir().Remove()) })
	b.gro(t, lab.WAN, false)
}

// A physical interface that is deleted and created again has GRO on again, and detach turns it off.
func TestTransportGROFollows(t *testing.T) {
	b := newLab(t)
	b.attachNotes(t, lab.WAN)
	b.gro(t, lab.WAN, true)
	if err := b.Unplug(b.East, lab.WAN); err != nil {
		t.Fatal(err)
	}
	b.follow(t)
	if err := b.Replug(b.East, lab.WAN); err != nil {
		t.Fatal(err)
	}
	b.gro(t, lab.WAN, false)
	b.follow(t)
	b.gro(t, lab.WAN, true)
	if err := b.West.SendForGRO(lab.WAN); err != nil {
		t.Fatal(err)
	}
	t.Run("ping", func(t *testing.T) {
		c := transports(b)[0]
		sa, _ := b.connectPeers(t, c.tunnel, "proto icmp")
		const count = 5
		ping := lab.Ping{Src: c.src, Dst: sa.Dst, Count: count, Interval: 3 * time.Millisecond}
		if got, err := c.from.Ping(within(t, 20*time.Second), ping); err != nil || got.Received != count {
			t.Errorf("ping: %+v, %v", got, err)
		}
	})
	b.write(t, func(table *maps.Table) error { return errors.Join(detach(table), table.Dir().Remove()) })
	b.gro(t, lab.WAN, false)
}

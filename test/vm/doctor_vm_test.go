// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/doctor"
)

// examine returns doctor's findings on East.
func (b bench) examine(t *testing.T) []doctor.Finding {
	t.Helper()
	var facts *doctor.Facts
	err := b.East.Do(func() (err error) {
		facts, err = doctor.Gather()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return doctor.Examine(facts)
}

// doctor examines East and checks that these are all problems, each given as check and part of its text.
func (b bench) doctor(t *testing.T, wants ...[2]string) {
	t.Helper()
	for _, f := range b.examine(t) {
		known := f.Level != doctor.Problem
		for i, w := range wants {
			if !known && w[0] == f.Check && strings.Contains(f.Text, w[1]) {
				wants, known = slices.Delete(wants, i, i+1), true
				break
			}
		}
		if !known {
			t.Errorf("unexpected: %+v", f)
		}
	}
	for _, w := range wants {
		t.Errorf("not found: %v", w)
	}
}

// doctorHas checks that this is one of doctor's problems on East.
func (b bench) doctorHas(t *testing.T, check, text string) {
	t.Helper()
	for _, f := range b.examine(t) {
		if f.Level == doctor.Problem && f.Check == check && strings.Contains(f.Text, text) {
			return
		}
	}
	t.Errorf("doctor does not report %s: %s", check, text)
}

// This kernel has all features; SAs that are missing, unusable, not used yet or about to end are reported,
// and nothing else.
func TestDoctor(t *testing.T) {
	b := newBench(t, lab.LAN)
	for _, p := range []string{lab.WestLAN4.String(), lab.WestLAN6.String()} {
		ip(t, b.East, "route add blackhole "+p+" metric 101")
	}
	b.write(t, device.SyncRoutes)
	b.doctor(t)

	const (
		ends = "src 192.1.2.23 dst 192.1.2.45 proto esp spi "
		rest = " reqid 9 mode tunnel aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128"
		said = "tun0x1000@192.1.2.45"
	)
	b.add(t, nets(lab.EastLAN4, lab.WestLAN4), said)
	b.doctor(t, [2]string{"sa", said + " does not exist"})
	ip(t, b.East, "xfrm state add "+ends+"0x1000"+rest)
	b.doctor(t, [2]string{"sa", said + " exists, but is not bound to its eroutes yet"})
	b.sync(t)
	b.doctor(t)

	ip(t, b.East, "route add 192.1.2.45/32 dev "+virtual)
	ip(t, b.East, "route add blackhole 192.1.2.45/32 metric 1")
	b.doctor(t, [2]string{"peer", "the peer of " + said + " is routed into ipsec0"})
	ip(t, b.East, "route del 192.1.2.45/32 dev "+virtual)
	ip(t, b.East, "route del blackhole 192.1.2.45/32")

	ip(t, b.East, "xfrm state delete "+ends+"0x1000")
	ip(t, b.East, "xfrm state add "+ends+"0x1000 mark 5"+rest)
	b.doctor(t, [2]string{"sa", said + " cannot be used"})
	ip(t, b.East, "xfrm state delete "+ends+"0x1000 mark 5")

	ip(t, b.East, "xfrm state add "+ends+"0x1000 replay-oseq 0xf8000000"+rest)
	b.sync(t)
	b.doctor(t, [2]string{"lifetime", "esp spi 0x1000 dst 192.1.2.45 has used 4160749568 of 4294967296 32-bit sequence numbers"})
	time.Sleep(1100 * time.Millisecond)                 // XFRM reports the time a state was added in seconds
	ip(t, b.East, "xfrm state add "+ends+"0x1001"+rest) // the rekey
	b.doctor(t)
	ip(t, b.East, "xfrm state delete "+ends+"0x1001")
	ip(t, b.East, "xfrm state delete "+ends+"0x1000")

	// A packet counts against the limit even though no answer arrives.
	ip(t, b.East, "xfrm state add "+ends+"0x1000 limit packet-soft 1 limit packet-hard 2"+rest)
	b.sync(t)
	b.doctor(t)
	if _, err := b.EastHost.Ping(t.Context(), lab.Ping{Dst: b.WestHost.LAN4, Count: 2}); err != nil {
		t.Fatal(err)
	}
	b.doctor(t, [2]string{"sa", said + " accepts no more packets: it has carried 2 packets of 2"},
		[2]string{"lifetime", "esp spi 0x1000 dst 192.1.2.45 has processed 2 packets of 2"})
}

// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// saPool is the SAs of a hunt, several for each family of packets; not all exist.
type saPool struct {
	h     *hunt
	mu    sync.Mutex
	slots map[eroute.Family][]*saSlot
	next  uint32 // SPI
}

// saSlot is an SPI, and its SA while it exists.
type saSlot struct {
	spi uint32
	sa  *lab.SA
}

func newSAPool(h *hunt) *saPool {
	p := &saPool{h: h, slots: map[eroute.Family][]*saSlot{}, next: 0x1000}
	for _, f := range []eroute.Family{eroute.Inet, eroute.Inet6} {
		for range 3 {
			p.next++
			p.slots[f] = append(p.slots[f], &saSlot{spi: p.next})
		}
	}
	return p
}

func (p *saPool) tunnel(f eroute.Family, spi uint32) lab.Tunnel {
	tunnel := lab.Tunnel{From: p.h.East, To: p.h.West, SPI: spi, ReqID: 7}
	if f == eroute.Inet6 {
		tunnel.Src, tunnel.Dst = p.h.East.WAN6, p.h.West.WAN6
	}
	return tunnel
}

// said returns the SAID of one of the SAs, existing or not.
func (p *saPool) said(t *testing.T, f eroute.Family, r *rand.Rand) eroute.SAID {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := p.slots[f][r.IntN(len(p.slots[f]))]
	dst := p.tunnel(f, 0).Dst
	if f == eroute.Inet {
		dst = p.h.West.WAN4
	}
	return eroute.SAID{Proto: eroute.ProtoTun, SPI: slot.spi, Dst: dst}
}

// flip deletes an existing SA, or installs a missing one.
func (p *saPool) flip(r *rand.Rand) (what string, err error) {
	f := []eroute.Family{eroute.Inet, eroute.Inet6}[r.IntN(2)]
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := p.slots[f][r.IntN(len(p.slots[f]))]
	if slot.sa != nil {
		sa := slot.sa
		slot.sa = nil
		return "delete SA", sa.Remove()
	}
	slot.sa, err = p.tunnel(f, slot.spi).Install()
	if errors.Is(err, unix.EEXIST) {
		// A packet that used the SA during its deletion has left a larval state with its SPI.
		return "SPI taken", nil
	}
	return "install SA", err
}

// rekey installs an SA to replace another one, which done deletes.
func (p *saPool) rekey(f eroute.Family, r *rand.Rand) (old, renewed uint32, done func() error, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	slot := p.slots[f][r.IntN(len(p.slots[f]))]
	p.next++
	sa, err := p.tunnel(f, p.next).Install()
	if err != nil {
		return 0, 0, nil, err
	}
	done = func() error { return nil }
	if slot.sa != nil {
		done = slot.sa.Remove
	}
	old, slot.spi, slot.sa = slot.spi, p.next, sa
	return old, slot.spi, done, nil
}

func (p *saPool) close(t *testing.T) {
	for _, slots := range p.slots {
		for _, slot := range slots {
			if slot.sa == nil {
				continue
			}
			if err := slot.sa.Remove(); err != nil {
				t.Error(err)
			}
		}
	}
}

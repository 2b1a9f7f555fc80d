// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// breaker changes at random what the table of a hunt depends on: none of it lets a packet leave.
type breaker struct {
	*hunt
	t     *testing.T
	rand  *rand.Rand
	done  map[string]int
	relay *exec.Cmd

	capture func() lab.Frames // of wan; ends it
	frames  lab.Frames        // of earlier captures: one ends with its interface
}

func (b *breaker) run(end time.Time) {
	b.done = map[string]int{}
	defer b.endRelay()
	for time.Now().Before(end) && !b.t.Failed() {
		time.Sleep(time.Duration(b.rand.IntN(200)) * time.Millisecond)
		from := time.Now()
		what, err := b.step()
		b.done[what]++
		b.note(from, what)
		if err != nil {
			b.t.Errorf("%s: %v", what, err)
		}
	}
}

func (b *breaker) step() (what string, err error) {
	switch r := b.rand.IntN(100); {
	case !b.routed && r < 5:
		return "recreate wan", b.recreateWAN()
	case r < 50:
		return b.sas.flip(b.rand)
	case r < 60:
		return b.attempt("eroute --sync"), nil
	case r < 80:
		return b.flipRelay()
	case r < 90:
		return "down and up", errors.Join(b.ip("link set ipsec0 down"), b.ip("link set ipsec0 up"), b.routes())
	case r < 95:
		return b.attempt("tncfg --upgrade"), nil
	case !b.routed && r < 98: // a detach ends the protection
		return b.addRoute()
	case r < 96:
		err := b.insist("tncfg --detach --virtual ipsec0")
		time.Sleep(50 * time.Millisecond)
		return "detach", errors.Join(err, b.attach())
	case r < 98:
		return "kill tncfg", b.killTncfg()
	default:
		err := b.ip("link delete ipsec0")
		time.Sleep(50 * time.Millisecond)
		return "delete device", errors.Join(err, b.attach())
	}
}

// addRoute adds a more specific route past the tunnel, or removes it.
func (b *breaker) addRoute() (what string, err error) {
	verb := []string{"replace", "del"}[b.rand.IntN(2)]
	for _, args := range []string{
		"-4 route " + verb + " " + b.WestHost.LAN4.String() + " via " + b.West.WAN4.String() + " dev wan",
		"-6 route " + verb + " " + b.WestHost.LAN6.String() + " via " + b.West.WAN6.String() + " dev wan",
	} {
		if e := b.ip(args); verb == "replace" {
			err = errors.Join(err, e)
		}
	}
	return verb + " route", err
}

// recreateWAN deletes wan and creates it again, with another ifindex. It is watched again by the relay, if it runs,
// or by the next --sync, which follows in half of the cases.
func (b *breaker) recreateWAN() error {
	b.frames = append(b.frames, b.capture()...)
	if err := errors.Join(b.Unplug(b.East, lab.WAN), b.Replug(b.East, lab.WAN)); err != nil {
		return err
	}
	b.capture = watch(b.t, b.East, lab.WAN)
	err := b.fixNeighbors()
	if b.rand.IntN(2) == 0 {
		b.attempt("eroute --sync")
	}
	return err
}

// attach creates ipsec0 again.
func (b *breaker) attach() error {
	return errors.Join(b.insist(b.attachment), b.routes())
}

// attempt runs a command that may fail: the kernel may have no memory for the table, or an SA may be deleted
// while it is read.
func (b *breaker) attempt(args string) (what string) {
	if err := b.command(args); err != nil {
		return args + " failed"
	}
	return args
}

// insist runs a command until it succeeds.
func (b *breaker) insist(args string) (err error) {
	for range 20 {
		if err = b.command(args); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// killTncfg kills a command that swaps programs, or deletes or creates the device, at a random time, and
// creates the device again.
func (b *breaker) killTncfg() error {
	for _, args := range [][]string{{"tncfg --upgrade"}, {"tncfg --detach --virtual ipsec0", b.attachment}}[b.rand.IntN(2)] {
		// It may have ended before, or have had nothing to do: neither is an error.
		_ = b.killed(args, time.Duration(b.rand.IntN(3000))*time.Millisecond)
	}
	return errors.Join(b.insist("tncfg --clear"), b.attach())
}

// flipRelay kills the relay if it runs, otherwise it starts it.
func (b *breaker) flipRelay() (what string, err error) {
	if b.relay != nil {
		return "kill relay", b.endRelay()
	}
	var stderr bytes.Buffer
	b.relay, err = b.start("acquire --hold-lifetime 3", &stderr, nil)
	return "start relay", err
}

func (b *breaker) endRelay() error {
	if b.relay == nil {
		return nil
	}
	err := b.relay.Process.Kill()
	_ = b.relay.Wait() // it was killed
	b.relay = nil
	return err
}

func (b *breaker) ip(args string) error {
	_, err := b.East.IP(b.t.Context(), strings.Fields(args)...)
	return err
}

// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// progress shows on the log that the guest is booting: a line with the seconds on a terminal, dots elsewhere.
type progress struct {
	log      *os.File
	terminal bool
	text     string
	start    time.Time
	stop     chan struct{}
	shown    sync.WaitGroup
	up       bool
}

func startProgress(log *os.File, kernel string, kvm bool) *progress {
	how := "software emulation, takes about a minute"
	if kvm {
		how = "KVM"
	}
	p := &progress{
		log: log, start: time.Now(), stop: make(chan struct{}),
		text: fmt.Sprintf("vm: booting Linux %s (%s) ", kernel, how),
	}
	_, err := unix.IoctlGetTermios(int(log.Fd()), unix.TCGETS)
	p.terminal = err == nil
	fmt.Fprint(log, p.text)
	p.shown.Go(p.show)
	return p
}

func (p *progress) show() {
	period := 2 * time.Second
	if p.terminal {
		period = time.Second
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		if p.terminal {
			fmt.Fprintf(p.log, "\r%s%.0f s", p.text, time.Since(p.start).Seconds())
		} else {
			fmt.Fprint(p.log, ".")
		}
	}
}

// ready ends the display: the guest is up with that kernel.
func (p *progress) ready(kernel string) {
	p.up = true
	p.end(fmt.Sprintf("up after %.0f s: Linux %s", time.Since(p.start).Seconds(), kernel))
}

// done ends the display if it is active, and reports whether the guest came up.
func (p *progress) done() bool {
	if !p.up {
		p.end(fmt.Sprintf("failed after %.0f s", time.Since(p.start).Seconds()))
	}
	return p.up
}

func (p *progress) end(text string) {
	close(p.stop)
	p.shown.Wait()
	if p.terminal {
		fmt.Fprintf(p.log, "\r\033[K%s", p.text)
	} else {
		fmt.Fprint(p.log, " ")
	}
	fmt.Fprintln(p.log, text)
}

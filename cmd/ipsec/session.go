// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"iter"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/session"
)

// sshSession is the SSH session that a command is typed in. Its warnings are best effort: an error is only a debug
// message.
type sshSession struct {
	*session.Session
	c       *command
	devices []device.Attachment
}

// session returns the SSH session that the command is typed in; nil if there is none. It must be called before the
// table is opened for writing.
func (c *command) session() *sshSession {
	s := c.env.session(c.env.environ)
	if s == nil {
		return nil
	}
	c.note("SSH session from %v", s.Client)
	devices, err := c.listDevices()
	if err != nil {
		c.noteSession(err)
		return nil
	}
	return &sshSession{s, c, devices}
}

func (c *command) noteSession(err error) {
	c.note("cannot predict the effect on the SSH session: %v", err)
}

// warnChanges warns if changes of the table that can be made cut the session.
func (g *sshSession) warnChanges(t table, changes *eroute.Changes) {
	if g == nil || len(g.devices) == 0 {
		return
	}
	f, err := session.NewForecast(t, g.Reply())
	if err != nil {
		g.c.noteSession(err)
		return
	}
	for _, change := range changes.All() {
		f.Add(change)
	}
	g.warnForecast(t, f, func() bool {
		_, err := t.Check(changes)
		return err == nil
	})
}

// watchRestore warns if the eroutes cut the session when they replace the table, at their end.
func (g *sshSession) watchRestore(t table, eroutes iter.Seq2[eroute.Change, error]) iter.Seq2[eroute.Change, error] {
	if g == nil || len(g.devices) == 0 {
		return eroutes
	}
	f, err := session.NewForecast(t, g.Reply())
	if err != nil {
		g.c.noteSession(err)
		return eroutes
	}
	f.Add(eroute.Change{Op: eroute.OpClear})
	return func(yield func(eroute.Change, error) bool) {
		for change, err := range eroutes {
			if !yield(change, err) {
				return
			}
			f.Add(change)
		}
		g.warnForecast(t, f, func() bool { return true })
	}
}

// warnForecast warns if the forecast changes of the table cut the session, and possible returns true.
func (g *sshSession) warnForecast(t table, f *session.Forecast, possible func() bool) {
	after, err := f.After()
	switch {
	case err != nil:
		g.c.noteSession(err)
	case !session.Same(f.Before(), after) && possible():
		g.warn(t, session.Situation{Match: f.Before(), Devices: g.devices}, session.Situation{Match: after, Devices: g.devices})
	}
}

// warnDevices warns if the session is cut when the ipsec devices change to others.
func (g *sshSession) warnDevices(next []device.Attachment) {
	if g == nil {
		return
	}
	t, err := g.c.openForReading()
	if err != nil {
		g.c.noteSession(err)
		return
	}
	defer func() { _ = t.Close() }()
	f, err := session.NewForecast(t, g.Reply())
	if err != nil {
		g.c.noteSession(err)
		return
	}
	g.warn(t, session.Situation{Match: f.Before(), Devices: g.devices}, session.Situation{Match: f.Before(), Devices: next})
}

// warnAttach warns if devices that can be attached cut the session. It must be called before the table is opened.
func (c *command) warnAttach(configs ...device.Config) {
	g := c.session()
	if g == nil {
		return
	}
	next := slices.Clone(g.devices)
	for _, config := range configs {
		if c.env.checkInterfaces(append([]string{config.Physical}, config.Also...), config.Ingress) != nil {
			return
		}
		next = slices.DeleteFunc(next, func(a device.Attachment) bool { return a.Virtual == config.Virtual })
		next = append(next, config.Attachment())
	}
	g.warnDevices(next)
}

// warnDetach warns if the session is cut when a device is removed, or all of them if virtual is "". It must be
// called before the table is opened.
func (c *command) warnDetach(virtual string) {
	if g := c.session(); g != nil {
		g.warnDevices(slices.DeleteFunc(slices.Clone(g.devices), func(a device.Attachment) bool {
			return virtual == "" || a.Virtual == virtual
		}))
	}
}

// warn prints a warning if the session is cut.
func (g *sshSession) warn(t table, before, after session.Situation) {
	kernel, err := g.c.env.kernel()
	if err != nil {
		g.c.noteSession(err)
		return
	}
	danger, err := g.Danger(t, kernel, before, after)
	switch err := errors.Join(err, kernel.Close()); {
	case err != nil:
		g.c.noteSession(err)
	case danger != "":
		g.c.printLine("warning: " + danger)
	}
}

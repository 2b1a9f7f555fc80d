// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/session"
)

// session returns what warns of changes that cut the SSH session that the command is typed in; nil if there is none. It
// must be called before the table is opened for writing.
func (c *command) session() *session.Warner {
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
	return &session.Warner{
		Session: s, Devices: devices, Kernel: c.env.kernel, Note: c.noteSession,
		Warn: func(danger string) { c.printLine("warning: " + danger) },
	}
}

func (c *command) noteSession(err error) {
	c.note("cannot predict the effect on the SSH session: %v", err)
}

// warnAttach warns if devices that can be attached cut the session. It must be called before the table is opened.
func (c *command) warnAttach(configs ...device.Config) {
	w := c.session()
	if w == nil {
		return
	}
	next := slices.Clone(w.Devices)
	for _, config := range configs {
		if c.env.checkInterfaces(append([]string{config.Physical}, config.Also...), config.Ingress) != nil {
			return
		}
		next = slices.DeleteFunc(next, func(a device.Attachment) bool { return a.Virtual == config.Virtual })
		next = append(next, config.Attachment())
	}
	c.warnDevices(w, next)
}

// warnDetach warns if the session is cut when a device is removed, or all of them if virtual is "". It must be
// called before the table is opened.
func (c *command) warnDetach(virtual string) {
	if w := c.session(); w != nil {
		c.warnDevices(w, slices.DeleteFunc(slices.Clone(w.Devices), func(a device.Attachment) bool {
			return virtual == "" || a.Virtual == virtual
		}))
	}
}

// warnDevices warns if the session is cut when the ipsec devices change to others.
func (c *command) warnDevices(w *session.Warner, next []device.Attachment) {
	t, err := c.openForReading()
	if err != nil {
		c.noteSession(err)
		return
	}
	defer func() { _ = t.Close() }()
	w.ReplaceDevices(t, next)
}

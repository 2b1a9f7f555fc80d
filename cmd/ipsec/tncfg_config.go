// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// runConfig is --config: it sees that what a file says is there. All that can be known
// is checked first. The table comes before the devices, so that no packet can meet
// a device whose table is still empty.
func runConfig(c *command) error {
	cfg, b, err := c.checkConfig()
	if err != nil {
		return err
	}
	missing, err := c.missingDevices(cfg)
	if err != nil {
		return err
	}
	if err := c.fillTable(b); err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	return c.attachAll(missing)
}

// checkConfig reads the file of --config, and the table that it names, if it names one.
func (c *command) checkConfig() (cfg *config, b *batch, err error) {
	file := c.opts.value(tncConfig)
	f, err := c.openLines("--config", file)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }()
	if cfg, err = readConfig(f, file); err != nil {
		return nil, nil, &fileError{"--config " + file, err}
	}
	if cfg.Table == "" {
		return cfg, nil, nil
	}
	if b, err = c.readBatch("--config "+file+": table", cfg.Table); err != nil {
		return nil, nil, err
	}
	b.changes = slices.Insert(b.changes, 0, eroute.Change{Op: eroute.OpClear})
	b.lines = slices.Insert(b.lines, 0, 0)
	return cfg, b, nil
}

// missingDevices returns the devices that are not there. Returns an error if one is
// there otherwise: it would have to go first, and its routes with it.
func (c *command) missingDevices(cfg *config) (missing []configDevice, err error) {
	all, err := c.listDevices()
	if err != nil {
		return nil, err
	}
	for _, d := range cfg.Devices {
		i := slices.IndexFunc(all, func(a device.Attachment) bool { return a.Virtual == d.Virtual })
		if i >= 0 && all[i].VirtualMTU > 0 {
			if !d.is(&all[i]) {
				return nil, c.deviceError(d, errors.New("is attached to other interfaces: detach it first"))
			}
			c.note("%s is attached", d.Virtual)
			continue
		}
		if err := c.env.checkInterfaces(d.Physical, d.Ingress); err != nil {
			return nil, c.deviceError(d, err)
		}
		missing = append(missing, d)
	}
	return missing, nil
}

// is tells whether an ipsec device has the interfaces that the file names.
func (d configDevice) is(a *device.Attachment) bool {
	ingress := make([]string, len(a.Ingress))
	for i, in := range a.Ingress {
		ingress[i] = in.Name
	}
	return a.Physical == d.Physical &&
		slices.Equal(slices.Sorted(slices.Values(ingress)), slices.Sorted(slices.Values(d.Ingress)))
}

func (c *command) deviceError(d configDevice, err error) error {
	return fmt.Errorf("--config %s: device %q: %w", c.opts.value(tncConfig), d.Virtual, err)
}

// fillTable puts eroutes in the place of those that are there. Without a batch they
// stay, but there is a table afterwards.
func (c *command) fillTable(b *batch) (err error) {
	c.note("opening the table for writing")
	t, err := c.env.openWrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if b == nil {
		return nil
	}
	c.note("filling the table, changes: %d", len(b.changes))
	return b.refusal(t.Apply(c.ctx, b.changes))
}

func (c *command) attachAll(all []configDevice) (err error) {
	devices, err := c.env.openDevicesWrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, devices.Close()) }()
	for _, d := range all {
		c.note("attaching %s to %s", d.Virtual, d.Physical)
		notes, err := devices.Attach(c.ctx, d.Virtual, d.Physical, d.Ingress)
		for _, note := range notes {
			c.say("note: " + note)
		}
		if err != nil {
			return c.deviceError(d, err)
		}
	}
	return nil
}

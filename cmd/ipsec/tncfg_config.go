// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/internal/guard"
	"github.com/ipsec-eroute/eroute/internal/tncfgargs"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// runConfig implements --config: it creates what the file names and is missing. It checks as much as possible
// first. It fills the table before it creates the devices, so that no packet reaches a device with an empty table.
func runConfig(c *command) error {
	cfg, err := c.readConfig()
	if err != nil {
		return err
	}
	if err := c.followInterfaces(); err != nil {
		return err
	}
	missing, err := c.missingDevices(cfg)
	if err != nil {
		return err
	}
	if err := c.fillTable(cfg); err != nil {
		return err
	}
	if len(missing) == 0 {
		return nil
	}
	return c.attachAll(missing)
}

// followInterfaces updates existing devices after changes of their interfaces: an interface may have been created
// again under the same name.
func (c *command) followInterfaces() (err error) {
	d, err := c.openDevices()
	if err != nil || d == nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	done, err := d.Follow()
	for _, differs := range done {
		c.note("found that %s", differs.Text)
	}
	return err
}

// readConfig reads the file of --config.
func (c *command) readConfig() (cfg *tncfgargs.File, err error) {
	file := c.opts.Value(tncfgargs.OptConfig)
	f, err := c.openLines("--config", file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if cfg, err = tncfgargs.ReadFile(f, file); err != nil {
		return nil, &files.Error{What: "--config " + file, Err: err}
	}
	return cfg, nil
}

// missingDevices returns the devices that do not exist. Returns an error if one exists with other interfaces: it
// would have to be detached first, and its routes with it.
func (c *command) missingDevices(cfg *tncfgargs.File) (missing []tncfgargs.FileDevice, err error) {
	all, err := c.listDevices()
	if err != nil {
		return nil, err
	}
	for _, d := range cfg.Devices {
		i := slices.IndexFunc(all, func(a device.Attachment) bool { return a.Virtual == d.Virtual })
		if i >= 0 && all[i].VirtualMTU > 0 {
			if !d.Is(&all[i]) {
				return nil, c.deviceError(d, errors.New("is attached with other interfaces or options: detach it first"))
			}
			c.note("%s is attached", d.Virtual)
			continue
		}
		if err := c.env.checkInterfaces(append([]string{d.Physical}, d.Also...), d.Ingress); err != nil {
			return nil, c.deviceError(d, err)
		}
		missing = append(missing, d)
	}
	return missing, nil
}

func (c *command) deviceError(d tncfgargs.FileDevice, err error) error {
	return fmt.Errorf("--config %s: device %q: %w", c.opts.Value(tncfgargs.OptConfig), d.Virtual, err)
}

// fillTable replaces the eroutes with those of the file. If the config names no file it keeps them, and creates
// the table if there is none.
func (c *command) fillTable(cfg *tncfgargs.File) error {
	if cfg.Table == "" {
		t, err := c.openForChange(true)
		if err != nil {
			return err
		}
		return t.Close()
	}
	what := "--config " + c.opts.Value(tncfgargs.OptConfig) + ": table"
	runs, err := c.tableRuns()
	if err != nil {
		return err
	}
	if cfg.NoNewClear && runs {
		return c.restoreGuarded(what, cfg.Table, nil, &guard.Guard{NoNewClear: tncfgargs.NoNewClearKey})
	}
	return c.restore(what, cfg.Table, nil)
}

// tableRuns reports whether there is anything to compare a table with: an eroute, or a device that leads packets
// to the table. After a boot there is neither.
func (c *command) tableRuns() (runs bool, err error) {
	devices, err := c.listDevices()
	if err != nil || len(devices) > 0 {
		return true, err
	}
	t, err := c.openForReading()
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	stats, err := t.Stats()
	return stats.Eroutes > 0, err
}

func (c *command) attachAll(all []tncfgargs.FileDevice) (err error) {
	configs := make([]device.Config, len(all))
	for i, d := range all {
		configs[i] = d.Config()
	}
	c.warnAttach(configs...)
	devices, err := c.env.openDevicesWrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, devices.Close()) }()
	for _, d := range all {
		if err := c.attach(devices, d.Config()); err != nil {
			return c.deviceError(d, err)
		}
	}
	return nil
}

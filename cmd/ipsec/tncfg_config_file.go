// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/settings"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// config is a file of --config: the required table and devices.
type config struct {
	Table      string         `toml:"table"`        // file of eroutes; "": keep the table
	NoNewClear bool           `toml:"no_new_clear"` // refuse tables that open clear text
	Devices    []configDevice `toml:"device"`
}

// configDevice is an ipsec device, with the parameters of --attach.
type configDevice struct {
	Virtual  string   `toml:"virtual"`
	Physical string   `toml:"physical"`
	Also     []string `toml:"also_physical"`
	Ingress  []string `toml:"ingress"`

	Routed    bool   `toml:"routed"`
	Unmatched string `toml:"unmatched"` // "": pass
	Strict    bool   `toml:"strict"`
	Follow    bool   `toml:"follow"`
}

// device returns the parameters of the device.
func (d configDevice) device() device.Config {
	return device.Config{
		Virtual: d.Virtual, Physical: d.Physical, Also: d.Also, Ingress: d.Ingress,
		Routed: d.Routed, DropUnmatched: d.Unmatched == unmatchedDrop, Strict: d.Strict, Follow: d.Follow,
	}
}

// readConfig reads and checks a file of --config. Errors name the line or the value.
func readConfig(r io.Reader, file string) (*config, error) {
	var cfg config
	if err := settings.Decode(r, &cfg); err != nil {
		return nil, err
	}
	if cfg.Table != "" && !filepath.IsAbs(cfg.Table) {
		cfg.Table = filepath.Join(filepath.Dir(file), cfg.Table)
	}
	return &cfg, cfg.check()
}

// check refuses invalid devices.
func (cfg *config) check() error {
	there := make(map[string]bool)
	for i, d := range cfg.Devices {
		switch {
		case d.Virtual == "":
			return fmt.Errorf("device %d: virtual is missing", i+1)
		case d.Physical == "":
			return fmt.Errorf("device %q: physical is missing", d.Virtual)
		case there[d.Virtual]:
			return fmt.Errorf("device %q is listed twice", d.Virtual)
		}
		there[d.Virtual] = true
		if err := cmp.Or(d.names().check(), d.checkUnmatched(), checkRouted(d.device())); err != nil {
			return fmt.Errorf("device %q: %w", d.Virtual, err)
		}
	}
	return nil
}

func (d configDevice) checkUnmatched() error {
	if d.Unmatched == "" {
		return nil
	}
	_, err := dropsUnmatched(cli.Field{Name: "unmatched", Text: d.Unmatched}, d.Routed)
	return err
}

func (d configDevice) names() deviceNames {
	return deviceNames{
		virtual:  cli.Field{Name: "virtual", Text: d.Virtual},
		physical: append(fields("physical", []string{d.Physical}), fields("also_physical", d.Also)...),
		ingress:  fields("ingress", d.Ingress),
	}
}

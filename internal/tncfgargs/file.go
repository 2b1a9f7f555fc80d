// SPDX-License-Identifier: Apache-2.0

package tncfgargs

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/settings"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// File is a file of --config: the required table and devices.
type File struct {
	Table      string       `toml:"table"`        // file of eroutes; "": keep the table
	NoNewClear bool         `toml:"no_new_clear"` // refuse tables that open clear text
	Devices    []FileDevice `toml:"device"`
}

// NoNewClearKey is the key of File.NoNewClear.
const NoNewClearKey = "no_new_clear"

// FileDevice is an ipsec device, with the parameters of --attach.
type FileDevice struct {
	Virtual  string   `toml:"virtual"`
	Physical string   `toml:"physical"`
	Also     []string `toml:"also_physical"`
	Ingress  []string `toml:"ingress"`

	Routed    bool   `toml:"routed"`
	Unmatched string `toml:"unmatched"` // "": pass
	Strict    bool   `toml:"strict"`
	Follow    bool   `toml:"follow"`
}

// Config returns the parameters of the device.
func (d FileDevice) Config() device.Config {
	return device.Config{
		Virtual: d.Virtual, Physical: d.Physical, Also: d.Also, Ingress: d.Ingress,
		Routed: d.Routed, DropUnmatched: d.Unmatched == UnmatchedDrop, Strict: d.Strict, Follow: d.Follow,
	}
}

// Is reports whether an ipsec device has the interfaces that the file names.
func (d FileDevice) Is(a *device.Attachment) bool {
	ingress := make([]string, len(a.Ingress))
	for i, in := range a.Ingress {
		ingress[i] = in.Name
	}
	return a.Physical == d.Physical && a.Watched == !d.Routed && a.DropUnmatched == (d.Unmatched == UnmatchedDrop) &&
		a.Strict == d.Strict && a.Follow == d.Follow &&
		slices.Equal(a.Also, slices.Sorted(slices.Values(d.Also))) &&
		slices.Equal(slices.Sorted(slices.Values(ingress)), slices.Sorted(slices.Values(d.Ingress)))
}

// ReadFile reads and checks a file of --config. Errors name the line or the value.
func ReadFile(r io.Reader, file string) (*File, error) {
	var cfg File
	if err := settings.Decode(r, &cfg); err != nil {
		return nil, err
	}
	if cfg.Table != "" && !filepath.IsAbs(cfg.Table) {
		cfg.Table = filepath.Join(filepath.Dir(file), cfg.Table)
	}
	return &cfg, cfg.check()
}

// check refuses invalid devices.
func (cfg *File) check() error {
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
		if err := cmp.Or(d.names().check(), d.checkUnmatched(), checkRouted(d.Config())); err != nil {
			return fmt.Errorf("device %q: %w", d.Virtual, err)
		}
	}
	return nil
}

func (d FileDevice) checkUnmatched() error {
	if d.Unmatched == "" {
		return nil
	}
	_, err := dropsUnmatched(cli.Field{Name: "unmatched", Text: d.Unmatched}, d.Routed)
	return err
}

func (d FileDevice) names() deviceNames {
	return deviceNames{
		virtual:  cli.Field{Name: "virtual", Text: d.Virtual},
		physical: append(fields("physical", []string{d.Physical}), fields("also_physical", d.Also)...),
		ingress:  fields("ingress", d.Ingress),
	}
}

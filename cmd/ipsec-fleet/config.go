// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"

	"github.com/ipsec-eroute/eroute/internal/settings"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

const (
	defaultConfig = "/etc/eroute/fleet.toml"
	defaultPrefix = "/eroute"
	defaultState  = "/var/lib/eroute/fleet"
)

const ipsecName = "ipsec"

// findIpsec returns the path of the ipsec command: the one in the directory of this program, or that of PATH, which can
// be that of a key manager.
func findIpsec() (string, error) {
	if self, err := os.Executable(); err == nil {
		if path, err := exec.LookPath(filepath.Join(filepath.Dir(self), ipsecName)); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(ipsecName)
}

// config is a file of --config.
type config struct {
	Endpoints  []string `toml:"endpoints"`
	Prefix     string   `toml:"prefix"`
	CA         string   `toml:"ca"`
	Cert       string   `toml:"cert"`
	Key        string   `toml:"key"`
	Keys       string   `toml:"keys"`        // file of public keys
	SigningKey string   `toml:"signing_key"` // of an operator
	Author     string   `toml:"author"`      // default: the user

	Gateway configGateway `toml:"gateway"`

	template.Values // of a gateway; an operator's: of an example of one, to check and compare templates
}

// configGateway is what the agent of a gateway needs.
type configGateway struct {
	Name          string   `toml:"name"`
	Ring          string   `toml:"ring"`
	State         string   `toml:"state"`   // directory
	Ipsec         string   `toml:"ipsec"`   // the command; "": of findIpsec
	Confirm       uint     `toml:"confirm"` // seconds
	HealthCommand []string `toml:"health_command"`
	MaxDrops      *uint64  `toml:"max_drops"`
	NewClear      bool     `toml:"new_clear"`
	Metrics       string   `toml:"metrics"` // address and port
}

// defaultConfirm is the time within which the health of a gateway must be good, in seconds.
const defaultConfirm = 30

// readConfig reads the settings.
func (c *command) readConfig() (*config, error) {
	file := cmp.Or(c.value(configOption.Name), defaultConfig)
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	defer func() { _ = f.Close() }()
	cfg := &config{}
	if err := settings.Decode(f, cfg); err != nil {
		return nil, fmt.Errorf("--config %s: %w", file, err)
	}
	cfg.Prefix = cmp.Or(cfg.Prefix, defaultPrefix)
	cfg.Gateway.defaults()
	if err := cfg.Values.Check(); err != nil {
		return nil, fmt.Errorf("--config %s: %w", file, err)
	}
	if len(cfg.Endpoints) == 0 {
		return nil, fmt.Errorf("--config %s: endpoints is missing", file)
	}
	return cfg, nil
}

// defaults fills in the settings that the file does not have.
func (g *configGateway) defaults() {
	g.State = cmp.Or(g.State, defaultState)
	g.Confirm = cmp.Or(g.Confirm, defaultConfirm)
}

func (cfg *config) store() store.Config {
	return store.Config{Endpoints: cfg.Endpoints, Prefix: cfg.Prefix, CA: cfg.CA, Cert: cfg.Cert, Key: cfg.Key}
}

// pinned returns the pinned keys: what the store contains must be signed by one of them.
func (cfg *config) pinned() ([]ed25519.PublicKey, error) {
	if cfg.Keys == "" {
		return nil, errors.New("keys is missing: the file of the public keys of operators")
	}
	text, err := os.ReadFile(cfg.Keys)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	keys, err := fleet.ParsePublicKeys(text)
	if err != nil {
		return nil, fmt.Errorf("keys %s: %w", cfg.Keys, err)
	}
	return keys, nil
}

// signer returns the operator's key.
func (cfg *config) signer() (ed25519.PrivateKey, error) {
	if cfg.SigningKey == "" {
		return nil, errors.New("signing_key is missing: the private key of the operator")
	}
	text, err := os.ReadFile(cfg.SigningKey)
	if err != nil {
		return nil, fmt.Errorf("signing_key: %w", err)
	}
	key, err := fleet.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("signing_key %s: %w", cfg.SigningKey, err)
	}
	return key, nil
}

// author returns the name of the operator, for history.
func (cfg *config) author() string {
	if cfg.Author != "" {
		return cfg.Author
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// operator is a command of an operator: the settings, the store and the pinned keys.
type operator struct {
	*config
	store *store.Store
	keys  []ed25519.PublicKey
}

// asOperator runs a command on the store, if its version can be relied on.
func (c *command) asOperator(ctx context.Context, run func(*operator) error) (err error) {
	cfg, err := c.readConfig()
	if err != nil {
		return err
	}
	o := &operator{config: cfg}
	if o.keys, err = cfg.pinned(); err != nil {
		return err
	}
	if o.store, err = store.Open(cfg.store()); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.store.Close()) }()
	if err := o.store.CheckVersion(ctx); err != nil {
		return err
	}
	return run(o)
}

// signing returns the operator's key, if it is one that gateways accept.
func (o *operator) signing() (ed25519.PrivateKey, error) {
	key, err := o.signer()
	if err != nil {
		return nil, err
	}
	for _, k := range o.keys {
		if k.Equal(key.Public()) {
			return key, nil
		}
	}
	return nil, fmt.Errorf("signing_key %s: its public key is not in %s", o.SigningKey, o.Keys)
}

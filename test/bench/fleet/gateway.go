// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/agent"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// simulated is a table that exists only as text.
type simulated struct {
	mu       sync.Mutex
	text     []byte
	revision string
	restored []time.Time
}

func (s *simulated) Save(_ context.Context, file string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return os.WriteFile(file, s.text, 0o600)
}

func (s *simulated) Check(_ context.Context, file string, _ bool) (changes bool, err error) {
	text, err := os.ReadFile(file)
	s.mu.Lock()
	defer s.mu.Unlock()
	return !bytes.Equal(s.text, text), err
}

func (s *simulated) Restore(_ context.Context, file, revision string, _ bool) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text, s.revision, s.restored = text, revision, append(s.restored, time.Now())
	return nil
}

func (s *simulated) Stats(context.Context) (agent.Stats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return agent.Stats{Eroutes: uint32(bytes.Count(s.text, []byte("\n"))), Revision: s.revision}, nil
}

// state returns the text, and when it was restored.
func (s *simulated) state() ([]byte, []time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text, s.restored
}

// settings are those of an agent.
type settings struct {
	Name, Dir string
	Endpoints []string
	Keys      []ed25519.PublicKey
}

// ring is the ring of all gateways.
const ring = "all"

// confirmWithin is the default of ipsec-fleet.
const confirmWithin = 30 * time.Second

// newAgent returns an agent with a simulated table.
func newAgent(s *settings, table *simulated) *agent.Agent {
	return agent.New(agent.Config{
		Gateway: fleet.Gateway{ID: s.Name, Ring: ring}, Keys: func() ([]ed25519.PublicKey, error) { return s.Keys, nil }, Dir: s.Dir, Version: "bench",
		Open: func() (*store.Store, error) {
			return store.Open(store.Config{Endpoints: s.Endpoints, Prefix: "/eroute"})
		},
		Table: table, Health: agent.Health{Within: confirmWithin}, Log: slog.New(slog.DiscardHandler),
	})
}

// runAgent runs one agent in this process, which shows its memory.
func runAgent(ctx context.Context, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	s := &settings{}
	if err := json.Unmarshal(text, s); err != nil {
		return err
	}
	return newAgent(s, &simulated{}).Run(ctx)
}

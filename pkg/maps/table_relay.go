// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
)

// OpenRelay opens the relay's events of the calling thread's network namespace. It creates the table if there
// is none. Returns relaywire.ErrRunning if a relay already runs.
func OpenRelay() (*relaywire.Reader, error) {
	t, err := OpenWrite()
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	return relaywire.Open(t.dir, t.maps["eroute_relay"], t.maps["eroute_events"])
}

// relayRuns reports whether a relay reads events.
func (t *Table) relayRuns() (bool, error) {
	return relaywire.IsAlive(t.relay.Now())
}

// notifyRelay sends messages about ended holds to the relay, if one runs.
func (t *Table) notifyRelay(all []relaywire.HoldEnded) error {
	return relaywire.Notify(t.dir, t.relay.Now(), all)
}

// SPDX-License-Identifier: Apache-2.0

package maps

// OpenRelay opens the events of the calling thread's network namespace, making the table
// if there is none. Returns ErrRelayRuns if there is a relay.
func OpenRelay() (*Relay, error) {
	t, err := OpenWrite()
	if err != nil {
		return nil, err
	}
	defer func() { _ = t.Close() }()
	return openRelay(t.dir, t.maps["eroute_relay"], t.maps["eroute_events"])
}

// relayRuns tells whether a relay takes events.
func (t *Table) relayRuns() (bool, error) {
	return relayAlive(t.relay.Now())
}

// tellRelay sends the relay, if one runs, messages about holds.
func (t *Table) tellRelay(all []Ended) error { return tellRelay(t.dir, t.relay.Now(), all) }

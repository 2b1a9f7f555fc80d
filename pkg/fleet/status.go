// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/json"
	"time"
)

// State is what a gateway has made of its ring's assignment.
type State string

// States of a gateway.
const (
	Unassigned State = "unassigned" // the ring has no revision
	Applying   State = "applying"   // loads the revision, or waits until its health is good
	Confirmed  State = "confirmed"  // runs the assigned revision, with good health
	Refused    State = "refused"    // did not load the revision
	RolledBack State = "rolled back"
)

// Ended reports whether the state is final for an assignment.
func (s State) Ended() bool { return s == Confirmed || s == Refused || s == RolledBack }

// Gateway registers a gateway in the store.
type Gateway struct {
	ID   string `json:"id"`
	Ring string `json:"ring"`
}

// Status is a gateway's report, under a lease: while it exists the gateway is online. It is not signed, and nothing
// but reports and the end of a rollout depends on it.
type Status struct {
	ID        string    `json:"id"`
	Ring      string    `json:"ring"`
	Version   string    `json:"version"` // of the agent
	State     State     `json:"state"`
	Reason    string    `json:"reason,omitempty"` // of Refused and RolledBack, or of the last failed attempt
	Seen      int64     `json:"seen"`             // the store's version of the ring's key that the status is about
	Serial    uint64    `json:"serial"`           // the greatest that the gateway has accepted
	Revision  string    `json:"revision,omitempty"`
	Confirmed string    `json:"confirmed,omitempty"` // the revision that it ran last with good health
	Time      time.Time `json:"time"`
}

// Decode decodes a value that is not signed.
func Decode[T any](value []byte) (v T, err error) {
	err = json.Unmarshal(value, &v)
	return v, err
}

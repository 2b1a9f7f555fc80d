// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// Assignment is the revision that the gateways of a ring should have.
type Assignment struct {
	Ring     string    `json:"ring"`
	Serial   uint64    `json:"serial"` // grows with each assignment of the ring
	Revision string    `json:"revision"`
	Previous string    `json:"previous,omitempty"` // revision of the assignment before, for a rollback; "": none
	Author   string    `json:"author"`
	Time     time.Time `json:"time"`
}

// Sign returns the assignment's value in the store.
func (a *Assignment) Sign(key ed25519.PrivateKey) ([]byte, error) {
	value, _, err := assignmentContext.sign(a, key)
	return value, err
}

// OpenAssignment verifies that a value is an assignment of the ring, signed by one of the keys.
func OpenAssignment(ring string, value []byte, keys []ed25519.PublicKey) (*Assignment, error) {
	a := &Assignment{}
	if _, err := assignmentContext.open(value, keys, a); err != nil {
		return nil, fmt.Errorf("ring %s: %w", ring, err)
	}
	if a.Ring != ring {
		return nil, fmt.Errorf("ring %s: the store returned the assignment of ring %q", ring, a.Ring)
	}
	if !IsID(a.Revision) || a.Serial == 0 {
		return nil, fmt.Errorf("ring %s: malformed: no revision", ring)
	}
	return a, nil
}

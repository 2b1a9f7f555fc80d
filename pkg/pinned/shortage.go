// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Shortage is true if there was no memory to write a lower number into a map, which keeps the old, higher one.
// The kernel allocates memory even to write a lower number into a trie or a hash, and charges it to the control
// group that created the map.
type Shortage bool

// Tolerate returns the error of such a write, or nil if there was no memory. In that case it sets s.
func (s *Shortage) Tolerate(err error) error {
	if !errors.Is(err, unix.ENOMEM) {
		return err
	}
	*s = true
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"encoding/hex"
	"fmt"
	"regexp"
)

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// CheckName returns an error if a text cannot be the name of a ring or of a gateway: names are part of keys of the
// store.
func CheckName(what, name string) error {
	if !namePattern.MatchString(name) {
		return fmt.Errorf("%s %q: must be 1 to 63 letters, digits, dots, dashes and underscores, a letter or a digit first", what, name)
	}
	return nil
}

// idLength is the length of the ID of a revision or blob: SHA-256 in hexadecimal.
const idLength = 64

// IsID reports whether a text is a whole ID.
func IsID(text string) bool {
	_, err := hex.DecodeString(text)
	return len(text) == idLength && err == nil
}

// ShortID returns the part of an ID that is shown.
func ShortID(id string) string { return id[:min(len(id), 12)] }

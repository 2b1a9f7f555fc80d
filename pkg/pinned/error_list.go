// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"errors"
	"fmt"
)

// maxErrors is the number of errors that an ErrorList shows. A large map can return one per entry, all with the
// same cause.
const maxErrors = 5

// ErrorList collects errors. It keeps the first maxErrors and counts the rest.
type ErrorList struct {
	errs []error
	more int
}

// Add adds an error unless it is nil.
func (l *ErrorList) Add(err error) {
	switch {
	case err == nil:
	case len(l.errs) < maxErrors:
		l.errs = append(l.errs, err)
	default:
		l.more++
	}
}

// Err returns one error that wraps those kept, or nil if there were none.
func (l *ErrorList) Err() error {
	if l.more == 0 {
		return errors.Join(l.errs...)
	}
	return fmt.Errorf("%w\nand %d more errors", errors.Join(l.errs...), l.more)
}

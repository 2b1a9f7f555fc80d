// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
)

// maxErrors is the number of errors that an errorList shows. A large table can return one per eroute, all with
// the same cause.
const maxErrors = 5

// errorList collects errors. It keeps the first maxErrors and counts the rest.
type errorList struct {
	errs []error
	more int
}

// add adds an error unless it is nil.
func (l *errorList) add(err error) {
	switch {
	case err == nil:
	case len(l.errs) < maxErrors:
		l.errs = append(l.errs, err)
	default:
		l.more++
	}
}

// err returns one error that wraps those kept, or nil if there were none.
func (l *errorList) err() error {
	if l.more == 0 {
		return errors.Join(l.errs...)
	}
	return fmt.Errorf("%w\nand %d more errors", errors.Join(l.errs...), l.more)
}

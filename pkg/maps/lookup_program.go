// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// SwapLookup puts this version's lookup program in the place of the pinned one.
func (t *Table) SwapLookup() error {
	prog, err := loader.LoadLookup(t.Replacements())
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	if err := t.dir.PinOver(prog, lookupName); err != nil {
		return fmt.Errorf("pin lookup program: %w", err)
	}
	return nil
}

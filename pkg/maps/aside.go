// SPDX-License-Identifier: Apache-2.0

package maps

import "github.com/ipsec-eroute/eroute/pkg/eroute"

// IsAside reports whether groups do not use an SA.
func (t *Table) IsAside(said eroute.SAID) (bool, error) { return t.sas.IsAside(said) }

// SetAside makes all groups ignore an SA from the next packet on, or use it again. It returns the number of eroutes that
// name the SA alone: those use it in either case. The error is [sas.ErrNoGroup] if no group has the SA.
func (t *Table) SetAside(said eroute.SAID, aside bool) (alone int, err error) {
	alone, err = t.sas.SetAside(said, aside)
	if err == nil && !aside {
		err = t.endFlowsOfReadyGroups()
	}
	return alone, err
}

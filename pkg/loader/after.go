// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"github.com/cilium/ebpf"
)

// After returns the programs that run after ours on an interface's TC hook, in order. It returns none if ours is
// not attached.
func (l Links) After(hook Hook, ifindex int) ([]ebpf.ProgramID, error) {
	_, after, err := l.around(hook, ifindex)
	return after, err
}

// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
)

// specs returns the collection that the programs share, every map of maps.h and the
// lookup program. It is read once, and not to be changed.
var specs = sync.OnceValues(func() (*ebpf.CollectionSpec, error) {
	spec, err := bpf.LoadLookup()
	if err != nil {
		return nil, fmt.Errorf("read lookup program: %w", err)
	}
	return spec, bpf.SetMachine(spec)
})

// isTable tells whether a map is one of the table, and not a program's own constants.
func isTable(name string) bool { return !strings.HasPrefix(name, ".") }

// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"fmt"
	"strings"
	"sync"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
)

// Specs returns the maps of bpf/maps.h, which all programs share, and the lookup program. Callers must not modify
// it.
var Specs = sync.OnceValues(func() (*ebpf.CollectionSpec, error) {
	spec, err := bpf.LoadLookup()
	if err != nil {
		return nil, fmt.Errorf("read lookup program: %w", err)
	}
	return spec, bpf.SetMachine(spec)
})

// IsTableMap reports whether a map is one of the table: not the constants of a program.
func IsTableMap(name string) bool { return !strings.HasPrefix(name, ".") }

// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/cilium/ebpf/btf"
)

// IgnoresCPU reports whether the kernel ignores that a state is bound to a CPU (XFRMA_SA_PCPU), and uses it on all, as
// before Linux 6.13. It is false for a kernel without XFRM, which has no states. It reads the kernel's types once.
func IgnoresCPU() (bool, error) { return ignoresCPU() }

var ignoresCPU = sync.OnceValues(func() (bool, error) {
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		return false, fmt.Errorf("read types of the kernel: %w", err)
	}
	var state *btf.Struct
	err = kernel.TypeByName("xfrm_state", &state)
	switch {
	case errors.Is(err, btf.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("read types of the kernel: %w", err)
	}
	return !slices.ContainsFunc(state.Members, func(m btf.Member) bool { return m.Name == "pcpu_num" }), nil
})

// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"sync"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ErrNoCPUs is returned for a change that adds a group by CPU if the kernel would use its SAs on all CPUs.
var ErrNoCPUs = errors.New(`--spread value "cpu": this kernel does not bind SAs to CPUs (XFRMA_SA_PCPU), use Linux 6.13 or later`)

// ignoresCPU reads the kernel's types once. Tests replace it.
var ignoresCPU = sync.OnceValues(xfrm.IgnoresCPU)

// checkSpread returns ErrNoCPUs for a group by CPU that the kernel does not support.
func checkSpread(said eroute.SAID) error {
	if said.Spread() != eroute.SpreadCPU {
		return nil
	}
	ignores, err := ignoresCPU()
	if err == nil && ignores {
		err = ErrNoCPUs
	}
	return err
}

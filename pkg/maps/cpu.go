// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ErrNoCPUs is returned for a change that adds a group by CPU, or a trap that requests SAs by CPU, if the kernel would use
// these SAs on all CPUs.
var ErrNoCPUs = errors.New(`this kernel does not bind SAs to CPUs (XFRMA_SA_PCPU), use Linux 6.13 or later`)

// ignoresCPU is replaced by tests.
var ignoresCPU = xfrm.IgnoresCPU

// checkSpread returns ErrNoCPUs for a change that the kernel does not support: to a group by CPU, or to a trap that
// requests SAs by CPU. An older kernel would ignore the CPU of a request.
func checkSpread(c *eroute.Change) error {
	var option string
	switch {
	case c.SAID.Spread() == eroute.SpreadCPU:
		option = "--spread"
	case c.Acquire.Spread == eroute.SpreadCPU:
		option = "--acquire-spread"
	default:
		return nil
	}
	ignores, err := ignoresCPU()
	if err == nil && ignores {
		err = fmt.Errorf(`%s value "cpu": %w`, option, ErrNoCPUs)
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Member is what packets on some CPUs go to, of a group by CPU.
type Member struct {
	CPUs  []int
	SAID  eroute.SAID // an SA, eroute.Trap, or zero: none
	Ready bool        // the programs send packets to the SA
	Bound bool        // the SA is bound to the CPU
}

// encryptByCPU implements encrypt for a group by CPU. The outcome is that of the online CPU where it is worst.
func (x *explainer) encryptByCPU(e *Explanation) error {
	cpus, err := x.kernel.OnlineCPUs()
	if err != nil {
		return err
	}
	worst, on := *e, -1
	at := make(map[eroute.SAID]int)
	for _, number := range cpus {
		said, err := x.table.Member(e.Packet, e.Match.SAID, number)
		if err != nil {
			return err
		}
		cpu := int(number)
		if i, known := at[said]; known {
			e.Members[i].CPUs = append(e.Members[i].CPUs, cpu)
			continue
		}
		at[said] = len(e.Members)
		one := *e
		if err := x.encryptBy(&one, said); err != nil {
			return err
		}
		m := Member{CPUs: []int{cpu}, SAID: said}
		if one.SA != nil {
			m.Ready, m.Bound = one.SA.Ready, one.SA.State != nil && one.SA.State.OneCPU
		}
		e.Members = append(e.Members, m)
		if on < 0 || one.loss() > worst.loss() {
			worst, on = one, cpu
		}
	}
	e.SA, e.Next, e.Outcome, e.Lost = worst.SA, worst.Next, worst.Outcome, worst.Lost
	if len(e.Members) > 1 {
		e.CPU = &on
	}
	return nil
}

// loss compares outcomes: the greater, the less becomes of the packet.
func (e *Explanation) loss() int {
	switch {
	case e.Verdict == maps.Dropped:
		return 3
	case e.Lost:
		return 2
	case e.Verdict == maps.Kept:
		return 1
	}
	return 0
}

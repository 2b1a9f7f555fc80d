// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"

	"github.com/cilium/ebpf"
)

// ProgramName returns the name and id of a loaded BPF program, such as "xdp_filter (id 9)", or
// only its id if the program cannot be read.
func ProgramName(id uint32) string {
	text := fmt.Sprintf("id %d", id)
	p, err := ebpf.NewProgramFromID(ebpf.ProgramID(id))
	if err != nil {
		return text
	}
	defer func() { _ = p.Close() }()
	info, err := p.Info()
	if err != nil {
		return text
	}
	return fmt.Sprintf("%s (%s)", info.Name, text)
}

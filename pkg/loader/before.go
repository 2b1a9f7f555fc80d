// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Before returns the programs that run before ours on an interface's TC hook, in order. It returns none if ours
// is not attached.
func (l Links) Before(hook Hook, ifindex int) ([]ebpf.ProgramID, error) {
	ours, err := link.LoadPinnedLink(l.path(hook, ifindex), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open link: %w", err)
	}
	defer func() { _ = ours.Close() }()
	info, err := ours.Info()
	if err != nil {
		return nil, fmt.Errorf("read link: %w", err)
	}
	at := ebpf.AttachTCXIngress
	if hook == HookEgress || hook == HookDetour || hook == HookWire {
		at = ebpf.AttachTCXEgress
	}
	all, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: at})
	if err != nil {
		return nil, fmt.Errorf("list programs of %s: %w", hook, err)
	}
	var before []ebpf.ProgramID
	for _, p := range all.Programs {
		if id, ok := p.LinkID(); ok && id == info.ID {
			return before, nil
		}
		before = append(before, p.ID)
	}
	return nil, nil
}

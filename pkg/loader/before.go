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
	before, _, err := l.around(hook, ifindex)
	return before, err
}

// around returns the programs that run before and after ours.
func (l Links) around(hook Hook, ifindex int) (before, after []ebpf.ProgramID, err error) {
	ours, err := link.LoadPinnedLink(l.path(hook, ifindex), nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open link: %w", err)
	}
	defer func() { _ = ours.Close() }()
	info, err := ours.Info()
	if err != nil {
		return nil, nil, fmt.Errorf("read link: %w", err)
	}
	at := ebpf.AttachTCXIngress
	if hook == HookEgress || hook == HookDetour || hook == HookWire {
		at = ebpf.AttachTCXEgress
	}
	all, err := link.QueryPrograms(link.QueryOptions{Target: ifindex, Attach: at})
	if err != nil {
		return nil, nil, fmt.Errorf("list programs of %s: %w", hook, err)
	}
	found := false
	for _, p := range all.Programs {
		if id, ok := p.LinkID(); ok && id == info.ID {
			found = true
		} else if found {
			after = append(after, p.ID)
		} else {
			before = append(before, p.ID)
		}
	}
	if !found {
		return nil, nil, nil
	}
	return before, after, nil
}

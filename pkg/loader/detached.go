// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cilium/ebpf/link"
)

// Detached returns the hooks whose links are no longer attached: the interface was deleted, or the link was
// detached.
func (l Links) Detached() ([]Hook, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	var hooks []Hook
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), "-")
		attached, err := isAttached(filepath.Join(l.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if !attached {
			hooks = append(hooks, Hook(name))
		}
	}
	return hooks, nil
}

// isAttached reports whether a pinned link has an interface. It is true for kinds of links that have none.
func isAttached(path string) (bool, error) {
	l, err := link.LoadPinnedLink(path, nil)
	if err != nil {
		return false, fmt.Errorf("open link: %w", err)
	}
	defer func() { _ = l.Close() }()
	info, err := l.Info()
	if err != nil {
		return false, fmt.Errorf("read link: %w", err)
	}
	if tcx := info.TCX(); tcx != nil {
		return tcx.Ifindex != 0, nil
	}
	if xdp := info.XDP(); xdp != nil {
		return xdp.Ifindex != 0, nil
	}
	return true, nil
}

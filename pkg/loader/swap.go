// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// Swap replaces the program attached to an interface's hook atomically: each packet runs one of the two. The
// kernel cannot replace a program on a function's hook or on netfilter's. There both programs run until the old one
// is detached.
func (l Links) Swap(hook Hook, ifindex int, prog *ebpf.Program) error {
	switch hook {
	case HookSADelete, HookSAExhausted, HookGuard4, HookGuard6:
		return l.swapByName(hook, ifindex, prog)
	}
	old, err := link.LoadPinnedLink(l.path(hook, ifindex), nil)
	if err != nil {
		return fmt.Errorf("open link to %s: %w", hook, err)
	}
	defer func() { _ = old.Close() }()
	if err := old.Update(prog); err != nil {
		return fmt.Errorf("update link to %s: %w", hook, err)
	}
	return nil
}

// swapByName pins a new link under the name of the old one, which ends the old one.
func (l Links) swapByName(hook Hook, ifindex int, prog *ebpf.Program) error {
	made, err := attach(hook, ifindex, prog)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", hook, err)
	}
	defer func() { _ = made.Close() }()
	if err := pinOver(made, l.path(hook, ifindex), filepath.Join(l.dir, "../..", newName)); err != nil {
		return fmt.Errorf("pin link to %s: %w", hook, err)
	}
	return nil
}

// pinned is a map, program or link.
type pinned interface{ Pin(path string) error }

// PinOver pins p in the directory. If the name is in use, it is replaced atomically.
func (d *Dir) PinOver(p pinned, name string) error {
	return pinOver(p, d.Path(name), d.Path(newName))
}

// newName is the name in a pin directory under which an object is created before it is renamed.
const newName = "new"

// pinOver pins p at tmp and renames it to path. A killed command may have left a file at tmp.
func pinOver(p pinned, path, tmp string) error {
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := errors.Join(p.Pin(tmp), Share(tmp)); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

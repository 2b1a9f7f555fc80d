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

// Swap puts a program in the place of the one that was attached to an interface's hook:
// each packet meets one of them. The kernel cannot do that to the hook of a function: there
// both run until the old one has gone.
func (l Links) Swap(hook Hook, ifindex int, prog *ebpf.Program) error {
	if hook == HookSADelete || hook == HookSAExhausted {
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

// swapByName makes a new link and gives it the name of the old one, which ends with that.
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

// PinOver pins p in the directory, in one step if the name is taken.
func (d *Dir) PinOver(p pinned, name string) error {
	return pinOver(p, d.Path(name), d.Path(newName))
}

// newName is a name in a pin directory for what is to get another one.
const newName = "new"

// pinOver pins p at path by way of tmp, where a killed command may have left something.
func pinOver(p pinned, path, tmp string) error {
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := errors.Join(p.Pin(tmp), Share(tmp)); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

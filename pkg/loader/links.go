// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// ErrNotAttached is returned if no device of that name is attached.
var ErrNotAttached = errors.New("not attached")

// ErrDeviceName is returned if an ipsec device cannot have a name. The name is that of a directory in bpffs,
// which reserves dots.
var ErrDeviceName = errors.New("not a name for an ipsec device: it is empty or has a '.' or '/'")

// Links are the pinned links of one ipsec device: the data path, which outlives the command that attached it.
// They are named after hook and ifindex, since interface names can contain characters that bpffs does not
// allow.
type Links struct{ dir string }

// Hook is a point that programs are attached to.
type Hook string

// The hooks that programs are attached to.
const (
	HookEgress      Hook = "egress"      // TC egress of the ipsec device
	HookWire        Hook = "wire"        // TC egress of a watched physical device
	HookGuard4      Hook = "guard4"      // netfilter's IPv4 POSTROUTING
	HookGuard6      Hook = "guard6"      // netfilter's IPv6 POSTROUTING
	HookInbound     Hook = "inbound"     // TC ingress of a strict physical device, and of its ipsec device
	HookReject      Hook = "reject"      // TC ingress of the ipsec device
	HookDetour      Hook = "detour"      // TC egress of the detour device
	HookXDP         Hook = "xdp"         // XDP of an ingress interface
	HookTC          Hook = "tc"          // TC ingress of an ingress interface
	HookSADelete    Hook = "sadelete"    // the kernel function that deletes a state
	HookSAExhausted Hook = "saexhausted" // the kernel function that a state without sequence numbers calls
)

// NewLinks returns the links of the ipsec device of this name, and creates their directory. Returns
// ErrDeviceName if a device cannot have that name.
func (d *Dir) NewLinks(virtual string) (Links, error) {
	l, err := d.links(virtual)
	if err != nil {
		return l, err
	}
	if err := errors.Join(os.MkdirAll(l.dir, 0o700), Share(filepath.Dir(l.dir)), Share(l.dir)); err != nil {
		return l, fmt.Errorf("make link directory: %w", err)
	}
	return l, nil
}

// Links returns the links of the ipsec device of this name. Returns ErrNotAttached if it has none,
// ErrDeviceName if a device cannot have that name.
func (d *Dir) Links(virtual string) (Links, error) {
	l, err := d.links(virtual)
	if err != nil {
		return l, err
	}
	if _, err := os.Stat(l.dir); errors.Is(err, fs.ErrNotExist) {
		return l, ErrNotAttached
	}
	return l, nil
}

func (d *Dir) links(virtual string) (Links, error) {
	if virtual == "" || strings.ContainsAny(virtual, "./") {
		return Links{}, ErrDeviceName
	}
	return Links{d.Path("links", virtual)}, nil
}

// Virtuals returns the names of the attached ipsec devices, sorted.
func (d *Dir) Virtuals() ([]string, error) {
	entries, err := os.ReadDir(d.Path("links"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list devices: %w", err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, nil
}

// Attach attaches a program to an interface's hook and pins the link.
func (l Links) Attach(hook Hook, ifindex int, prog *ebpf.Program) error {
	made, err := attach(hook, ifindex, prog)
	if err != nil {
		return fmt.Errorf("attach to %s: %w", hook, err)
	}
	defer func() { _ = made.Close() }()
	if err := made.Pin(l.path(hook, ifindex)); err != nil {
		return fmt.Errorf("pin link: %w", err)
	}
	return nil
}

func attach(hook Hook, ifindex int, prog *ebpf.Program) (link.Link, error) {
	switch hook {
	case HookXDP:
		return link.AttachXDP(link.XDPOptions{Program: prog, Interface: ifindex})
	case HookEgress, HookDetour:
		return link.AttachTCX(link.TCXOptions{
			Program: prog, Interface: ifindex, Attach: ebpf.AttachTCXEgress, Anchor: link.Head(),
		})
	case HookWire: // after all programs that change packets
		return link.AttachTCX(link.TCXOptions{
			Program: prog, Interface: ifindex, Attach: ebpf.AttachTCXEgress, Anchor: link.Tail(),
		})
	case HookGuard4:
		return attachGuard(link.NetfilterProtoIPv4, prog)
	case HookGuard6:
		return attachGuard(link.NetfilterProtoIPv6, prog)
	case HookInbound: // after the ipsec device's reject program, and all programs that change packets
		return link.AttachTCX(link.TCXOptions{
			Program: prog, Interface: ifindex, Attach: ebpf.AttachTCXIngress, Anchor: link.Tail(),
		})
	case HookSADelete, HookSAExhausted:
		return link.AttachTracing(link.TracingOptions{Program: prog, AttachType: ebpf.AttachTraceFEntry})
	default:
		return link.AttachTCX(link.TCXOptions{
			Program: prog, Interface: ifindex, Attach: ebpf.AttachTCXIngress, Anchor: link.Head(),
		})
	}
}

func (l Links) path(hook Hook, ifindex int) string {
	return filepath.Join(l.dir, fmt.Sprintf("%s-%d", hook, ifindex))
}

// Has reports whether a program was attached to an interface's hook.
func (l Links) Has(hook Hook, ifindex int) bool {
	_, err := os.Stat(l.path(hook, ifindex))
	return err == nil
}

// On returns the ifindexes of the interfaces with a program on a hook.
func (l Links) On(hook Hook) ([]int, error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	var indexes []int
	for _, e := range entries {
		name, number, _ := strings.Cut(e.Name(), "-")
		if Hook(name) != hook {
			continue
		}
		ifindex, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("list links: %w", err)
		}
		indexes = append(indexes, ifindex)
	}
	return indexes, nil
}

// Remove detaches the programs and unpins their links, except those on the hooks in keep. Unpinning alone
// detaches with a delay, and the next attach would find the programs still attached.
func (l Links) Remove(keep ...Hook) error {
	entries, err := os.ReadDir(l.dir)
	errs := []error{err}
	kept := false
	for _, e := range entries {
		if hook, _, _ := strings.Cut(e.Name(), "-"); slices.Contains(keep, Hook(hook)) {
			kept = true
			continue
		}
		path := filepath.Join(l.dir, e.Name())
		errs = append(errs, detach(path), os.Remove(path))
	}
	if !kept {
		errs = append(errs, os.RemoveAll(l.dir))
	}
	return errors.Join(errs...)
}

// Detach detaches the programs from an interface's hooks, where attached. The links stay.
func (l Links) Detach(ifindex int, hooks ...Hook) error {
	var errs []error
	for _, hook := range hooks {
		if l.Has(hook, ifindex) {
			errs = append(errs, detach(l.path(hook, ifindex)))
		}
	}
	return errors.Join(errs...)
}

// Drop is Detach, and also removes the links.
func (l Links) Drop(ifindex int, hooks ...Hook) error {
	if err := l.Detach(ifindex, hooks...); err != nil {
		return err
	}
	for _, hook := range hooks {
		if err := os.Remove(l.path(hook, ifindex)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove link: %w", err)
		}
	}
	return nil
}

// IsAttached reports whether the program that was attached to an interface's hook still is: deleting the
// interface detaches it. It returns true if the caller may not open links.
func (l Links) IsAttached(hook Hook, ifindex int) (bool, error) {
	if !l.Has(hook, ifindex) {
		return false, nil
	}
	attached, err := isAttached(l.path(hook, ifindex))
	if errors.Is(err, fs.ErrPermission) {
		return true, nil
	}
	return attached, err
}

// detach detaches a pinned link's program, if the kind of link supports that.
func detach(path string) error {
	l, err := link.LoadPinnedLink(path, nil)
	if err != nil {
		return fmt.Errorf("open link: %w", err)
	}
	defer func() { _ = l.Close() }()
	if err := l.Detach(); err != nil && !errors.Is(err, ebpf.ErrNotSupported) {
		return fmt.Errorf("detach link: %w", err)
	}
	return nil
}

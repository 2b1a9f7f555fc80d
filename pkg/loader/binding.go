// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Binding records the names of the interfaces that an ipsec device was attached to. Links have only ifindexes,
// which change when an interface is deleted and created again.
type Binding struct {
	Physical string
	Ingress  map[int]string // by the ifindex that its programs were attached to
	Watched  map[int]string // physical devices with the wire program, by the ifindex that it was attached to
	MTU      int            // last set on the ipsec device, in bytes
	GRO      map[int]string // interfaces whose GRO attach has turned on, by ifindex

	DropUnmatched bool // watched devices drop packets without an eroute
	Strict        bool // watched devices have the inbound program
	Follow        bool // the table has eroutes for the policies of XFRM
}

// Names in the directory of a binding. bpffs allows symbolic links in addition to pins: their targets hold the
// values.
const (
	bindings        = "bindings"
	bindingPhysical = "physical"
	bindingMTU      = "mtu"
	bindingIngress  = "ingress" // -IFINDEX
	bindingGRO      = "gro"     // -IFINDEX
	bindingWatched  = "watched" // -IFINDEX
	bindingDrop     = "drop-unmatched"
	bindingStrict   = "strict"
	bindingFollow   = "follow"
)

// interfaces returns the names by ifindex, by the prefix of their names in the directory.
func (b *Binding) interfaces() map[string]map[int]string {
	return map[string]map[int]string{bindingIngress: b.Ingress, bindingGRO: b.GRO, bindingWatched: b.Watched}
}

// SetBinding replaces the binding of the ipsec device of this name. Returns ErrDeviceName if a device cannot
// have that name.
func (d *Dir) SetBinding(virtual string, b Binding) error {
	if _, err := d.links(virtual); err != nil {
		return err
	}
	dir := d.Path(bindings, virtual)
	if err := errors.Join(os.MkdirAll(dir, 0o700), Share(filepath.Dir(dir)), Share(dir)); err != nil {
		return fmt.Errorf("make binding directory: %w", err)
	}
	values := map[string]string{bindingPhysical: b.Physical, bindingMTU: strconv.Itoa(b.MTU)}
	if b.DropUnmatched {
		values[bindingDrop] = "yes"
	}
	if b.Strict {
		values[bindingStrict] = "yes"
	}
	if b.Follow {
		values[bindingFollow] = "yes"
	}
	for prefix, interfaces := range b.interfaces() {
		for ifindex, name := range interfaces {
			values[prefix+"-"+strconv.Itoa(ifindex)] = name
		}
	}
	for name, value := range values {
		if err := setValue(filepath.Join(dir, name), value); err != nil {
			return fmt.Errorf("note binding: %w", err)
		}
	}
	entries, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range entries {
		if _, ok := values[e.Name()]; !ok {
			errs = append(errs, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return errors.Join(errs...)
}

// setValue creates a symbolic link, or replaces it atomically. The rename stays in one directory, as Landlock
// requires of the relay.
func setValue(path, value string) error {
	if is, err := os.Readlink(path); err == nil && is == value {
		return nil
	}
	tmp := filepath.Join(filepath.Dir(path), newName)
	if err := os.Remove(tmp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Symlink(value, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// Binding returns the binding of the ipsec device of this name. Returns ErrNotAttached if there is none: the
// device is not attached, or was attached by a version that wrote no bindings.
func (d *Dir) Binding(virtual string) (b Binding, err error) {
	if _, err := d.links(virtual); err != nil {
		return b, err
	}
	dir := d.Path(bindings, virtual)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return b, ErrNotAttached
	}
	if err != nil {
		return b, fmt.Errorf("read binding: %w", err)
	}
	b.Ingress, b.GRO, b.Watched = make(map[int]string), make(map[int]string), make(map[int]string)
	interfaces := b.interfaces()
	for _, e := range entries {
		value, err := os.Readlink(filepath.Join(dir, e.Name()))
		if err != nil {
			return b, fmt.Errorf("read binding: %w", err)
		}
		prefix, number, _ := strings.Cut(e.Name(), "-")
		switch into := interfaces[prefix]; {
		case into != nil:
			ifindex, err := strconv.Atoi(number)
			if err != nil {
				return b, fmt.Errorf("read binding: %w", err)
			}
			into[ifindex] = value
		case e.Name() == bindingDrop:
			b.DropUnmatched = true
		case e.Name() == bindingStrict:
			b.Strict = true
		case e.Name() == bindingFollow:
			b.Follow = true
		case e.Name() == bindingPhysical:
			b.Physical = value
		case e.Name() == bindingMTU:
			if b.MTU, err = strconv.Atoi(value); err != nil {
				return b, fmt.Errorf("read binding: %w", err)
			}
		}
	}
	if b.Physical == "" {
		return b, ErrNotAttached // attach was killed while it wrote the binding
	}
	return b, nil
}

// RemoveBinding removes the binding of an ipsec device.
func (d *Dir) RemoveBinding(virtual string) error {
	if _, err := d.links(virtual); err != nil {
		return err
	}
	if err := os.RemoveAll(d.Path(bindings, virtual)); err != nil {
		return fmt.Errorf("remove binding: %w", err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package loader_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netns"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// enterNetns moves the test into a network namespace of its own. Needs CAP_SYS_ADMIN.
func enterNetns(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace (needs root): %v", err)
	}
	t.Cleanup(func() { _ = ns.Close() })
}

// pin pins one map in a directory.
func pin(path string) error {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 4, MaxEntries: 1})
	if err != nil {
		return err
	}
	defer func() { _ = m.Close() }()
	return m.Pin(filepath.Join(path, "map"))
}

func open(t *testing.T, fill func(string) error) *loader.Dir {
	t.Helper()
	dir, err := loader.OpenExclusive(fill)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(dir.Remove(), dir.Close()) })
	return dir
}

// TestOpenExclusive checks that a directory is created once, and is not visible until it is complete.
func TestOpenExclusive(t *testing.T) {
	enterNetns(t)
	if _, err := loader.OpenShared(); !errors.Is(err, loader.ErrNoTable) {
		t.Errorf("before: %v, want %v", err, loader.ErrNoTable)
	}
	failure := errors.New("failure")
	_, err := loader.OpenExclusive(func(path string) error { return errors.Join(pin(path), failure) })
	if !errors.Is(err, failure) {
		t.Errorf("error %v, want that of filling", err)
	}
	if _, err := loader.OpenShared(); !errors.Is(err, loader.ErrNoTable) {
		t.Errorf("after a failure: %v, want %v", err, loader.ErrNoTable)
	}
	filled := 0
	fill := func(path string) error { filled++; return pin(path) }
	dir := open(t, fill)
	if err := dir.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, fill)
	if filled != 1 || again.Path() != dir.Path() {
		t.Errorf("filled %d times, in %s and %s, want once", filled, dir.Path(), again.Path())
	}
	if _, err := os.Stat(again.Path("map")); err != nil {
		t.Error(err)
	}
}

// TestCreateInterrupted checks that the remains of a command killed while it created a directory do not stop
// the next one.
func TestCreateInterrupted(t *testing.T) {
	enterNetns(t)
	dir := open(t, pin)
	path := dir.Path()
	if err := errors.Join(dir.Remove(), dir.Close(), os.MkdirAll(path+"-new/links/ipsec0", 0o700), pin(path+"-new")); err != nil {
		t.Fatal(err)
	}
	if _, err := loader.OpenShared(); !errors.Is(err, loader.ErrNoTable) {
		t.Errorf("half made: %v, want %v", err, loader.ErrNoTable)
	}
	open(t, pin)
	if _, err := os.Stat(path + "-new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("half made directory: %v, want it gone", err)
	}
}

// TestDirectoryRemovedWhileLocking checks that a process that waits for the lock of a directory gets a new
// directory if it is removed meanwhile.
func TestDirectoryRemovedWhileLocking(t *testing.T) {
	enterNetns(t)
	dir := open(t, pin)
	ns, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ns.Close() }()
	second := make(chan *loader.Dir)
	go func() {
		defer close(second)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := netns.Set(ns); err != nil {
			t.Error(err)
			return
		}
		d, err := loader.OpenExclusive(pin)
		if err != nil {
			t.Error(err)
			return
		}
		second <- d
	}()
	if err := errors.Join(dir.Remove(), dir.Close()); err != nil {
		t.Fatal(err)
	}
	d := <-second
	if d == nil {
		t.FailNow()
	}
	defer func() { _ = errors.Join(d.Remove(), d.Close()) }()
	if _, err := os.Stat(d.Path("map")); err != nil {
		t.Error(err)
	}
}

// TestDeviceNames checks that names that lead out of the directory of links, or that bpffs refuses, are no
// device names.
func TestDeviceNames(t *testing.T) {
	enterNetns(t)
	dir := open(t, pin)
	for _, name := range []string{"", ".", "..", "../links", "ipsec0.1", "a/b"} {
		if _, err := dir.Links(name); !errors.Is(err, loader.ErrDeviceName) {
			t.Errorf("links of %q: %v, want %v", name, err, loader.ErrDeviceName)
		}
		if _, err := dir.NewLinks(name); !errors.Is(err, loader.ErrDeviceName) {
			t.Errorf("new links of %q: %v, want %v", name, err, loader.ErrDeviceName)
		}
	}
	if _, err := dir.Links("ipsec0"); !errors.Is(err, loader.ErrNotAttached) {
		t.Errorf("links of ipsec0: %v, want %v", err, loader.ErrNotAttached)
	}
	for _, name := range []string{"ipsec1", "ipsec0"} {
		if _, err := dir.NewLinks(name); err != nil {
			t.Error(err)
		}
	}
	if got, err := dir.Virtuals(); err != nil || len(got) != 2 || got[0] != "ipsec0" || got[1] != "ipsec1" {
		t.Errorf("devices %q, %v, want ipsec0 and ipsec1", got, err)
	}
}

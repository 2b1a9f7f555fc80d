// SPDX-License-Identifier: Apache-2.0

// Package loader manages pins and attached programs: the directory of a network namespace in bpffs, its lock,
// the programs and their links.
package loader

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrNoTable is returned if the network namespace has no eroute table yet.
var ErrNoTable = errors.New("no eroute table in this network namespace: the first --add or tncfg --attach makes one")

// Dir is the pin directory of one network namespace. It is locked while it is open (but see OpenUnlocked):
//
//	/sys/fs/bpf/ipsec/<layout>/<netns cookie>/
//
// The lock is a flock(2) on the directory. The kernel releases it when its holder exits.
type Dir struct {
	path string
	lock *os.File
}

// Path returns the directory's path with the elements joined to it.
func (d *Dir) Path(elem ...string) string {
	return filepath.Join(append([]string{d.path}, elem...)...)
}

// Close releases the lock.
func (d *Dir) Close() error { return d.lock.Close() }

// OpenShared opens the directory of the calling thread's network namespace for reading. Readers share the lock,
// and wait for a writer. Returns ErrNoTable if there is no directory, a *LayoutError if there is one of another
// version, ErrElsewhere if there is one in another BPF file system.
func OpenShared() (*Dir, error) {
	return openExisting(func(path string) (*os.File, error) {
		yieldToWriter(path)
		return flock(path, unix.LOCK_SH)
	})
}

// OpenUnlocked is OpenShared without the lock: the caller neither waits for a writer nor delays one.
func OpenUnlocked() (*Dir, error) { return openExisting(os.Open) }

func openExisting(open func(path string) (*os.File, error)) (*Dir, error) {
	root, err := BPFFS(false)
	if errors.Is(err, errNoBPFFS) || errors.Is(err, os.ErrNotExist) {
		return nil, noTable()
	}
	if err != nil {
		return nil, err
	}
	path, err := namespacePath(root)
	if err != nil {
		return nil, err
	}
	lock, err := open(path)
	if errors.Is(err, os.ErrNotExist) {
		if err := checkLayouts(path); err != nil {
			return nil, err
		}
		return nil, noTable()
	}
	if err != nil {
		return nil, err
	}
	return &Dir{path, lock}, nil
}

// noTable returns the error for a network namespace that has no visible pin directory.
func noTable() error {
	if reached() != reachOutermost {
		return errUnreachable
	}
	cookie, err := NetnsCookie()
	if err != nil {
		return err
	}
	return cmp.Or(checkElsewhere(cookie), ErrNoTable)
}

// OpenExclusive opens the directory of the calling thread's network namespace for writing, by one writer at a
// time. If there is none, it creates one: fill pins everything that a table needs in an empty directory, which
// then becomes visible atomically. It then also removes the pin directories of deleted network namespaces.
// Returns a *LayoutError if there is a directory of another version, ErrElsewhere if there is one in another
// BPF file system.
func OpenExclusive(fill func(path string) error) (*Dir, error) {
	root, err := BPFFS(true)
	if err != nil {
		return nil, err
	}
	if reached() == reachOther {
		return nil, errUnreachable
	}
	path, err := namespacePath(root)
	if err != nil {
		return nil, err
	}
	for {
		if err := create(path, fill); err != nil {
			return nil, err
		}
		lock, err := lockExclusive(path)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed meanwhile: create it again
		}
		if err != nil {
			return nil, err
		}
		return &Dir{path, lock}, nil
	}
}

// Remove unpins the whole directory. Table and links end when nothing else holds them. d keeps the lock until
// Close.
func (d *Dir) Remove() error { return os.RemoveAll(d.path) }

func namespacePath(root string) (string, error) {
	cookie, err := NetnsCookie()
	if err != nil {
		return "", err
	}
	return tablePath(root, cookie), nil
}

// flock opens and locks a directory. If the directory was removed while flock waited, it looks the path up
// again.
func flock(path string, how int) (*os.File, error) {
	for {
		f, err := os.Open(path)
		if err != nil {
			return nil, fmt.Errorf("open pin directory: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), how); err != nil {
			_ = f.Close()
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return nil, fmt.Errorf("lock pin directory: %w", err)
		}
		locked, err := f.Stat()
		if err == nil {
			if current, err := os.Stat(path); err == nil && os.SameFile(locked, current) {
				return f, nil
			}
		}
		_ = f.Close()
	}
}

// create creates the directory if it does not exist: it fills it under another name, then renames it.
func create(path string, fill func(path string) error) error {
	exists := func() bool {
		_, err := os.Stat(path)
		return err == nil
	}
	if exists() { // complete: no need to wait while tables of other namespaces are created
		return nil
	}
	layout := filepath.Dir(path)
	all := filepath.Dir(layout) // of every layout
	if err := errors.Join(os.MkdirAll(layout, 0o700), Share(all), Share(layout)); err != nil {
		return fmt.Errorf("make pin directory: %w", err)
	}
	creating, err := flock(all, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer func() { _ = creating.Close() }()
	if exists() {
		return nil
	}
	if err := checkLayouts(path); err != nil {
		return err
	}
	// A failed cleanup does not prevent the creation of a table.
	_ = removeGone(filepath.Dir(all))
	tmp := path + "-new"
	if err := os.RemoveAll(tmp); err != nil {
		return fmt.Errorf("clear away a half made pin directory: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(tmp, turnName), 0o700); err != nil {
		return fmt.Errorf("make pin directory: %w", err)
	}
	err = errors.Join(markNamespace(tmp), pinCookie(tmp))
	if err == nil {
		err = errors.Join(fill(tmp), shareAll(tmp))
	}
	if err != nil {
		_ = os.RemoveAll(tmp)
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		_ = os.RemoveAll(tmp)
		return fmt.Errorf("publish pin directory: %w", err)
	}
	return nil
}

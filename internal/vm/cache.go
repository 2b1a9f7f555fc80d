// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotInstalled means that scripts/setup.sh vm has not run.
var ErrNotInstalled = errors.New("not installed: run scripts/setup.sh vm, with the kernel's series if it is not the default")

// files are the paths of what scripts/setup.sh unpacked.
type files struct {
	dir    string // the cache directory
	virtme string // root of the unpacked virtme-ng
	kernel string // the bzImage
	series string // its version, as in uname -r
}

// findFiles searches the cache directory for the files with the kernel of a series, or the tests' default
// kernel. Returns ErrNotInstalled if they are missing.
func findFiles(series string) (files, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return files{}, fmt.Errorf("find cache directory: %w", err)
	}
	f := files{dir: filepath.Join(base, "ipsec-eroute")}
	f.virtme = filepath.Join(f.dir, "virtme")
	kernel := filepath.Join(f.dir, "kernel")
	if series != "" {
		kernel += "-" + series
	}
	version, err := os.ReadFile(filepath.Join(kernel, "version"))
	if err != nil {
		return files{}, fmt.Errorf("%w (%w)", ErrNotInstalled, err)
	}
	f.series = strings.TrimSpace(string(version))
	f.kernel = filepath.Join(kernel, "boot", "vmlinuz-"+f.series)
	for _, path := range []string{f.kernel, f.vng(), f.qemu()} {
		if _, err := os.Stat(path); err != nil {
			return files{}, fmt.Errorf("%w (%w)", ErrNotInstalled, err)
		}
	}
	return f, nil
}

// vng is the path of virtme-ng's command.
func (f files) vng() string { return filepath.Join(f.virtme, "usr/bin/vng") }

// qemu is the path of QEMU, which vng searches in $PATH.
func (f files) qemu() string { return filepath.Join(f.dir, "qemu/usr/bin/qemu-system-x86_64") }

// env is the environment in which vng finds its files; temporary files go to tmp.
func (f files) env(tmp string) []string {
	return append(os.Environ(),
		"PYTHONPATH="+filepath.Join(f.virtme, "usr/lib/python3/dist-packages"),
		"PATH="+filepath.Dir(f.qemu())+":"+filepath.Join(f.virtme, "usr/bin")+":/usr/sbin:/usr/bin:/sbin:/bin",
		"TMPDIR="+tmp,
	)
}

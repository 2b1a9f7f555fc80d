// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bufio"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// maxLinks is the maximum number of symbolic links that the kernel follows in a path.
const maxLinks = 40

var errForeign = errors.New("owned by another user, in a world-writable directory")

// Save writes the output of write to a file. A regular file is replaced atomically, or left unchanged on error. A
// device, FIFO or socket is written to directly.
func Save(name string, permissions fs.FileMode, write func(io.Writer) error) error {
	target, err := saveTarget(name)
	if err != nil {
		return err
	}
	switch {
	case target.through:
		return writeThrough(target.path, target.info, write)
	case target.info == nil:
		return replaceFile(target.path, renameio.WithPermissions(permissions), write)
	case isOwn(target.info):
		return replaceFile(target.path, renameio.WithStaticPermissions(target.info.Mode().Perm()), write)
	default: // another user's mode may let that user write
		return replaceFile(target.path, renameio.WithPermissions(permissions), write)
	}
}

// target is a file name after its symbolic links are resolved.
type target struct {
	path    string
	info    fs.FileInfo // nil if the file does not exist yet
	through bool        // write to it instead of replacing it
}

// saveTarget resolves the symbolic links of a path's last element, so that their target can be replaced. It
// refuses links that another user has created in a directory such as /tmp: fs.protected_symlinks does not apply to
// links that are read.
func saveTarget(name string) (target, error) {
	for range maxLinks {
		info, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) && name != "" && !strings.HasSuffix(name, "/") {
			return target{path: name}, nil
		}
		if err != nil {
			return target{}, err
		}
		kind := info.Mode().Type()
		if kind == fs.ModeDir {
			return target{}, unix.EISDIR
		}
		if kind == 0 {
			return target{path: name, info: info}, nil
		}
		if err := checkOwner(name, info); err != nil {
			return target{}, err
		}
		if kind != fs.ModeSymlink {
			return target{name, info, true}, nil
		}
		if onProc(name) { // /dev/stdout resolves to this: a link to an open file, not to its path
			info, err := os.Stat(name)
			return target{name, info, true}, err
		}
		link, err := os.Readlink(name)
		if err != nil {
			return target{}, err
		}
		if !strings.HasPrefix(link, "/") {
			link = parent(name) + link
		}
		name = link
	}
	return target{}, unix.ELOOP
}

// parent returns the directory of a path, with a trailing slash. [path/filepath.Dir] would remove "..", which may
// follow a symbolic link.
func parent(name string) string {
	return cmp.Or(name[:strings.LastIndexByte(name, '/')+1], "./")
}

// checkOwner returns an error if a file belongs to another user, in a directory in which everybody can create
// files and nobody can remove those of others.
func checkOwner(name string, info fs.FileInfo) error {
	dir, err := os.Stat(parent(name))
	if err != nil {
		return err
	}
	const shared = fs.ModeSticky | 0o002
	if dir.Mode()&shared != shared || isOwn(info) || owner(info) == owner(dir) {
		return nil
	}
	return errForeign
}

func owner(info fs.FileInfo) uint32 { return info.Sys().(*syscall.Stat_t).Uid }

func isOwn(info fs.FileInfo) bool { return owner(info) == uint32(os.Geteuid()) }

func onProc(name string) bool {
	var st unix.Statfs_t
	return unix.Statfs(parent(name), &st) == nil && st.Type == unix.PROC_SUPER_MAGIC
}

// replaceFile atomically replaces a file with the output of write.
func replaceFile(name string, mode renameio.Option, write func(io.Writer) error) error {
	f, err := renameio.NewPendingFile(name, mode)
	if err != nil {
		return err
	}
	defer func() { _ = f.Cleanup() }()
	w := bufio.NewWriter(f)
	if err := errors.Join(write(w), w.Flush()); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

// writeThrough writes to a file that is not regular. Its reader may be slow, so the output is complete before the
// first byte is written.
func writeThrough(name string, info fs.FileInfo, write func(io.Writer) error) (err error) {
	f, err := openThrough(name, info)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s := &Spool{}
	defer func() { err = errors.Join(err, s.Close()) }()
	w := bufio.NewWriter(s)
	if err := errors.Join(write(w), w.Flush()); err != nil {
		return err
	}
	_, err = s.WriteTo(f)
	return err
}

func openThrough(name string, info fs.FileInfo) (io.WriteCloser, error) {
	if info.Mode().Type() == fs.ModeSocket {
		return net.Dial("unix", name)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(opened, info) {
		err = errors.New("replaced while it was opened")
	}
	if err == nil && opened.Mode().IsRegular() {
		err = f.Truncate(0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

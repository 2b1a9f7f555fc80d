// SPDX-License-Identifier: Apache-2.0

package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const savedText = "saved\n"

func writeText(w io.Writer) error {
	_, err := io.WriteString(w, savedText)
	return err
}

// sharedDir returns a directory that everybody can write to, such as /tmp.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|fs.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, path, text string, mode fs.FileMode) string {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
	return path
}

func give(t *testing.T, path string) {
	t.Helper()
	const nobody = 65534
	if err := os.Lchown(path, nobody, nobody); err != nil {
		t.Fatal(err)
	}
}

// holds checks that a path is a regular file with this text and these permissions.
func holds(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text || info.Mode() != mode || !isOwn(info) {
		t.Errorf("%s: %q, %v, own %v, %v, want %q, %v, own", path, got, info.Mode(), isOwn(info), err, text, mode)
	}
}

// TestSaveRegular checks that a regular file is replaced, and keeps the mode that its owner set.
func TestSaveRegular(t *testing.T) {
	dir := sharedDir(t)
	path := filepath.Join(dir, "new")
	for _, before := range []fs.FileMode{0, 0o600, 0o640, 0o400} {
		want := before
		if before == 0 {
			want = 0o600
		} else {
			put(t, path, "before, and longer", before)
		}
		if err := Save(path, 0o600, writeText); err != nil {
			t.Error(err)
		}
		holds(t, path, savedText, want)
		if err := Save(path, 0o600, func(io.Writer) error { return io.ErrUnexpectedEOF }); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("failed write: %v", err)
		}
		holds(t, path, savedText, want)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	// The new file inherits neither mode nor owner from another user's file.
	give(t, put(t, path, "before", 0o666))
	if err := Save(path, 0o600, writeText); err != nil {
		t.Error(err)
	}
	holds(t, path, savedText, 0o600)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left in the directory: %v, %v", left, err)
	}
}

// TestSaveLink checks that a symbolic link is kept, and that its target is replaced or created.
func TestSaveLink(t *testing.T) {
	dir := sharedDir(t)
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.MkdirAll(at("far/deep"), 0o755), os.Symlink("far/deep", at("dir")),
		os.Symlink("../real", at("far/deep/up")), os.Symlink("dir/up", at("link")), // ".." of far/deep, not of dir
		os.Symlink(at("loop"), at("loop"))); err != nil {
		t.Fatal(err)
	}
	for _, before := range []fs.FileMode{0, 0o644} {
		want := before
		if before == 0 {
			want = 0o600
		} else {
			put(t, at("far/real"), "before", before)
		}
		if err := Save(at("link"), 0o600, writeText); err != nil {
			t.Error(err)
		}
		holds(t, at("far/real"), savedText, want)
		if link, err := os.Readlink(at("link")); err != nil || link != "dir/up" {
			t.Errorf("link to %q, %v", link, err)
		}
	}
	if err := Save(at("loop"), 0o600, writeText); !errors.Is(err, unix.ELOOP) {
		t.Errorf("loop: %v", err)
	}
	if err := Save(dir, 0o600, writeText); !errors.Is(err, unix.EISDIR) {
		t.Errorf("directory: %v", err)
	}
}

// TestSaveForeign checks that another user's links and files in a directory such as /tmp are not followed or
// written to.
func TestSaveForeign(t *testing.T) {
	dir := sharedDir(t)
	precious := put(t, filepath.Join(t.TempDir(), "precious"), "before", 0o644)
	link, fifo := filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.Symlink(precious, link), unix.Mkfifo(fifo, 0o666)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{link, fifo} {
		give(t, path)
		if err := Save(path, 0o600, writeText); !errors.Is(err, errForeign) {
			t.Errorf("%s: %v, want %v", path, err, errForeign)
		}
	}
	holds(t, precious, "before", 0o644)
}

// TestSaveToDevice checks that devices, FIFOs and sockets are written to, not replaced.
func TestSaveToDevice(t *testing.T) {
	dir := t.TempDir()
	null, fifo, socket := filepath.Join(dir, "null"), filepath.Join(dir, "fifo"), filepath.Join(dir, "socket")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mknod(null, unix.S_IFCHR|0o666, int(unix.Mkdev(1, 3))); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	read := make(chan string, 2)
	get := func(open func() (io.ReadCloser, error)) {
		r, err := open()
		if err != nil {
			t.Error(err)
			return
		}
		text, err := io.ReadAll(r)
		if err := errors.Join(err, r.Close()); err != nil { // closed before the next one is written
			t.Error(err)
		}
		read <- string(text)
	}
	for _, test := range []struct {
		path string
		kind fs.FileMode
		open func() (io.ReadCloser, error)
	}{
		{null, fs.ModeDevice | fs.ModeCharDevice, nil},
		{fifo, fs.ModeNamedPipe, func() (io.ReadCloser, error) { return os.Open(fifo) }},
		{socket, fs.ModeSocket, func() (io.ReadCloser, error) { return listener.Accept() }},
	} {
		link := test.path + ".link"
		if err := os.Symlink(filepath.Base(test.path), link); err != nil {
			t.Fatal(err)
		}
		for _, path := range []string{test.path, link} {
			if test.open != nil {
				go get(test.open)
			}
			if err := Save(path, 0o600, writeText); err != nil {
				t.Errorf("%s: %v", path, err)
			}
			if info, err := os.Lstat(test.path); err != nil || info.Mode().Type() != test.kind {
				t.Fatalf("%s is now %v, %v", test.path, info.Mode(), err)
			}
			if test.open == nil {
				continue
			}
			select {
			case got := <-read:
				if got != savedText {
					t.Errorf("%s: read %q", path, got)
				}
			case <-time.After(10 * time.Second):
				t.Fatalf("%s: nothing to read", path)
			}
		}
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	dead := filepath.Join(dir, "dead") // no listener
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: dead}); err != nil {
		t.Fatal(err)
	}
	if err := Save(dead, 0o600, writeText); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("dead socket: %v", err)
	}
}

// TestSaveOpenFile checks that an open file is written to through its link in /proc, such as /dev/stdout.
func TestSaveOpenFile(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "open"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := os.Remove(f.Name()); err != nil { // no path leads to it
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "stdout")
	if err := os.Symlink(filepath.Join("/proc/self/fd", fmt.Sprint(f.Fd())), link); err != nil {
		t.Fatal(err)
	}
	if err := Save(link, 0o600, writeText); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != savedText {
		t.Errorf("%q, %v", got, err)
	}
}

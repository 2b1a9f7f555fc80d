// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ancestors returns the ids of our process and its ancestors. complete reports whether the line ends at the
// outermost process. It is false if it ends at a process whose parent is hidden from us.
func ancestors() (line []int, complete bool) {
	return ancestorsOf(os.Getpid(), parentOf)
}

// ancestorsOf is ancestors for any process. A process that exits while the line is read ends it too
// early, so the line is read again. A line that ends twice at the same process ends at a hidden parent.
func ancestorsOf(pid int, parentOf func(int) (int, error)) (line []int, complete bool) {
	for {
		before := line
		if line, complete = readAncestors(pid, parentOf); complete || slices.Equal(line, before) {
			return line, complete
		}
	}
}

func readAncestors(pid int, parentOf func(int) (int, error)) (line []int, complete bool) {
	for pid > 0 {
		line = append(line, pid)
		parent, err := parentOf(pid)
		if err != nil {
			return line, false
		}
		pid = parent
	}
	return line, true
}

// outermost returns the /proc directory of the process furthest up our line of parents
// whose root and namespaces we may use (ptrace(2), "Ptrace access mode checking"). If our own
// process sees the same files, it returns that one, which cannot exit before we do.
func outermost() (string, error) {
	line, _ := ancestors()
	ours := procDir(line[0])
	for _, pid := range slices.Backward(line) {
		dir := procDir(pid)
		if unix.Access(dir+"/root/", unix.X_OK) != nil {
			continue
		}
		if sameFile(dir+"/ns/mnt", ours+"/ns/mnt") && sameFile(dir+"/root/", ours+"/root/") {
			return ours, nil
		}
		return dir, nil
	}
	return "", fmt.Errorf("look at /proc/self/root: %w (is /proc mounted?)", unix.EACCES)
}

func procDir(pid int) string { return fmt.Sprintf("/proc/%d", pid) }

// hasExited reports whether the process of a /proc directory is no longer there.
func hasExited(dir string) bool {
	_, err := os.Stat(dir)
	return errors.Is(err, fs.ErrNotExist)
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

func parentOf(pid int) (int, error) {
	f, err := os.Open(procDir(pid) + "/status")
	if err != nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "PPid:"); ok {
			return strconv.Atoi(strings.TrimSpace(text))
		}
	}
	return 0, fmt.Errorf("read /proc/%d/status: no PPid", pid)
}

// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ancestors returns the ids of our process and of its line of parents, and tells whether
// the line is complete: whether none of them is hidden from us.
func ancestors() (line []int, complete bool) {
	for pid := os.Getpid(); pid > 0; {
		line = append(line, pid)
		parent, err := parentOf(pid)
		if err != nil {
			return line, false // gone meanwhile, or hidden from us
		}
		pid = parent
	}
	return line, true
}

// outermost returns the /proc directory of the process furthest up our line of parents
// whose root and namespaces we may use (ptrace(2), "Ptrace access mode checking").
func outermost() (string, error) {
	line, _ := ancestors()
	for _, pid := range slices.Backward(line) {
		dir := fmt.Sprintf("/proc/%d", pid)
		if unix.Access(dir+"/root/", unix.X_OK) == nil {
			return dir, nil
		}
	}
	return "", fmt.Errorf("look at /proc/self/root: %w (is /proc mounted?)", unix.EACCES)
}

func parentOf(pid int) (int, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
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

// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// reach tells whether BPFFS finds the BPF file system of the outermost process.
type reach int

const (
	reachUnknown   reach = iota // our parents are hidden from us
	reachOutermost              // it does, or that process has none
	reachOther                  // it does not: we may not use that process's root
)

// errUnreachable is what who lacks the privilege gets instead of an empty table.
var errUnreachable = fmt.Errorf("look for BPF objects below the root of the outermost process: %w", unix.EACCES)

// reached compares the BPF file system that BPFFS finds with that of the outermost
// process. Mounts may be read without the privilege that it takes to use them.
func reached() reach {
	if kept != "" {
		return reachOutermost
	}
	for {
		line, complete := ancestors()
		if !complete {
			return reachUnknown
		}
		home, err := outermost()
		if err != nil {
			return reachUnknown
		}
		outer := procDir(line[len(line)-1])
		theirs, err := bpffsDevice(outer)
		ours, ourErr := bpffsDevice(home)
		switch {
		case err != nil && hasExited(outer), ourErr != nil && hasExited(home):
			// Look again: there is another outermost process now.
		case err != nil:
			return reachUnknown
		case theirs == "":
			return reachOutermost
		case ourErr != nil || ours != theirs:
			return reachOther
		default:
			return reachOutermost
		}
	}
}

// bpffsDevice is the device number of the BPF file system that a process sees at the usual
// path, as its mountinfo has it (proc_pid_mountinfo(5)); "" if it sees none.
func bpffsDevice(proc string) (device string, err error) {
	f, err := os.Open(proc + "/mountinfo")
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		mount, source, _ := strings.Cut(lines.Text(), " - ")
		const number, path = 2, 4
		if fields := strings.Fields(mount); len(fields) > path && fields[path] == bpffsPath && strings.HasPrefix(source, "bpf ") {
			device = fields[number]
		}
	}
	return device, lines.Err()
}

// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// reach is the result of a check whether BPFFS finds the BPF file system of the outermost process.
type reach int

const (
	reachUnknown   reach = iota // unknown: our ancestors are hidden from us
	reachOutermost              // found, or that process has none
	reachOther                  // not found: we may not use that process's root
)

// errUnreachable is returned, instead of an empty table, to a caller that lacks the privilege.
var errUnreachable = fmt.Errorf("look for BPF objects below the root of the outermost process: %w", unix.EACCES)

// reached compares the BPF file system that BPFFS finds with that of the outermost process. Reading another
// process's mounts takes less privilege than using them.
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
			// Check again, with the new outermost process.
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

// bpffsDevice returns the device number of the BPF file system that a process sees at the conventional path, as
// in its mountinfo (proc_pid_mountinfo(5)); "" if it sees none.
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

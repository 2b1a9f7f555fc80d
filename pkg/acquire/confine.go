// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/cap"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// requiredCapabilities are those that a running relay uses: for XFRM and the table's memory, held packets, new
// counters and indexes.
var requiredCapabilities = []cap.Value{cap.NET_ADMIN, cap.NET_RAW, cap.BPF}

// confine permanently drops what a running relay does not need, in all threads: capabilities, and gaining
// privileges by execve. If it runs no commands it also drops access to all files but the table's, where the
// kernel has Landlock, and the system calls that only an intruder would use, including new TCP connections.
func confine(runsCommands bool) error {
	bpffs, err := loader.KeepBPFFS()
	if err != nil {
		return fmt.Errorf("confine relay: %w", err)
	}
	_, _ = time.Now().Zone() // load the time zone's file while it is readable
	if _, err := cap.Prctlw(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine relay: no new privileges: %w", err)
	}
	if err := dropCapabilities(); err != nil {
		return fmt.Errorf("confine relay: drop capabilities: %w", err)
	}
	if runsCommands {
		return nil
	}
	if err := restrictFiles(bpffs); err != nil {
		return fmt.Errorf("confine relay: %w", err)
	}
	if err := seccomp.LoadFilter(forbidden); err != nil {
		return fmt.Errorf("confine relay: forbid system calls: %w", err)
	}
	return nil
}

// dropCapabilities keeps those of requiredCapabilities that the process has. A process that is not root also keeps
// CAP_DAC_OVERRIDE, with which it overrides the permissions of root's pins.
func dropCapabilities() error {
	required := requiredCapabilities
	if os.Geteuid() != 0 {
		required = append(slices.Clone(required), cap.DAC_OVERRIDE)
	}
	set := cap.GetProc()
	var dropped []cap.Value
	for v := cap.Value(0); v < cap.MaxBits(); v++ {
		if !slices.Contains(required, v) {
			dropped = append(dropped, v)
		}
	}
	if may, err := set.GetFlag(cap.Effective, cap.SETPCAP); err == nil && may {
		if err := cap.DropBound(dropped...); err != nil {
			return err
		}
	}
	for _, flag := range []cap.Flag{cap.Effective, cap.Permitted, cap.Inheritable} {
		if err := set.SetFlag(flag, false, dropped...); err != nil {
			return err
		}
	}
	return set.SetProc()
}

// restrictFiles leaves access to the table, and read access to /proc and the kernel's files about CPUs and BTF.
// It does nothing on a kernel without Landlock.
func restrictFiles(bpffs string) error {
	err := landlock.V5.BestEffort().RestrictPaths(
		landlock.RWDirs(filepath.Join(bpffs, "ipsec")),
		landlock.RODirs("/proc"),
		landlock.RODirs("/sys/devices/system/cpu", "/sys/kernel/btf").IgnoreIfMissing(),
	)
	if err != nil {
		return fmt.Errorf("restrict files: %w", err)
	}
	return nil
}

// forbidden are system calls that the relay, the Go runtime and its libraries do not make.
var forbidden = seccomp.Filter{
	NoNewPrivs: true,
	Flag:       seccomp.FilterFlagTSync,
	Policy: seccomp.Policy{
		DefaultAction: seccomp.ActionAllow,
		Syscalls: []seccomp.SyscallGroup{{
			Action: seccomp.ActionErrno,
			Names: []string{
				"execve", "execveat", "fork", "vfork",
				"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
				"mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig", "fspick", "mount_setattr", "pivot_root", "chroot",
				"setns", "unshare",
				"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
				"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
				"add_key", "request_key", "keyctl", "perf_event_open", "userfaultfd",
				"io_uring_setup", "io_uring_enter", "io_uring_register",
				"open_by_handle_at", "swapon", "swapoff", "acct", "quotactl", "syslog", "personality",
				"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "iopl", "ioperm",
				"listen",
			},
			// Stream sockets of all families but AF_UNIX; raw and datagram sockets have the SOCK_DGRAM bit (2)
			// set.
			NamesWithCondtions: []seccomp.NameWithConditions{{Name: "socket", Conditions: seccomp.ArgumentConditions{
				{Argument: 0, Operation: seccomp.BitsNotSet, Value: unix.AF_UNIX},
				{Argument: 1, Operation: seccomp.BitsSet, Value: unix.SOCK_STREAM},
				{Argument: 1, Operation: seccomp.BitsNotSet, Value: unix.SOCK_DGRAM},
			}}},
		}},
	},
}

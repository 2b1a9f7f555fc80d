// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrBoot means that the guest did not boot; the error contains the console's last lines.
var ErrBoot = errors.New("VM did not boot")

// ErrDied means that the guest ended before the command: a kernel panic, or QEMU was ended.
var ErrDied = errors.New("VM died")

// bootTimeout is several times the boot time under software emulation on a busy machine.
const bootTimeout = 4 * time.Minute

// died is vng's exit code if the guest returned none.
const died = 255

// Guest is a command to run as root in its own VM.
type Guest struct {
	Command []string      // executed without a shell
	Dir     string        // the absolute working directory, a path on the host
	Env     []string      // NAME=value, in addition to the guest's environment
	Output  io.Writer     // receives the command's standard output and standard error
	Log     *os.File      // receives the progress of booting
	Kernel  string        // series of the kernel, such as 7.3; empty: the default
	NoIPv6  bool          // boot the kernel without IPv6
	Count   bool          // one CPU, emulated, on which each instruction takes one ns of the guest's time
	Timeout time.Duration // of the command, without booting
}

// bootTries is how often a VM is booted until it comes up: under software emulation kernels occasionally fail
// in ways that hardware does not cause.
const bootTries = 3

// Run boots the VM, runs the command and returns its exit code. Returns ErrNotInstalled, ErrBoot, ErrDied,
// context.DeadlineExceeded if the command takes longer than Timeout, or the context's error. An exit code of
// 255 cannot be distinguished from a guest that died.
func (g Guest) Run(ctx context.Context) (code int, err error) {
	for try := 1; try <= bootTries; try++ {
		code, err = g.run(ctx)
		if !errors.Is(err, ErrBoot) {
			break
		}
		_, _ = fmt.Fprintf(g.Log, "try %d of %d: %v\n", try, bootTries, err)
	}
	return code, err
}

func (g Guest) run(ctx context.Context) (int, error) {
	f, err := findFiles(g.Kernel)
	if err != nil {
		return 0, fmt.Errorf("find VM: %w", err)
	}
	dir, err := os.MkdirTemp("", "eroute-vm-")
	if err != nil {
		return 0, fmt.Errorf("create directory: %w", err)
	}
	defer os.RemoveAll(dir)
	scratch, err := newScratch()
	if err != nil {
		return 0, err
	}
	defer scratch.close(g.Log)
	if err := g.writeScripts(dir, scratch); err != nil {
		return 0, err
	}

	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	kvm := !g.Count && kvmWorks(ctx, f)
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", g.vngArgs(f, kvm, dir, scratch)...)
	cmd.Dir = "/"
	cmd.Env = f.env(dir)
	// Its own process group, so that QEMU, a grandchild, ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	var console tail
	cmd.Stderr = &console
	booted := startProgress(g.Log, f.series, kvm)
	limit := time.AfterFunc(bootTimeout, func() { cancel(ErrBoot) })
	defer func() { limit.Stop() }()
	cmd.Stdout = &splitter{out: g.Output, boot: &console, ready: func(kernel string) {
		booted.ready(kernel)
		if limit.Stop() {
			limit = time.AfterFunc(g.Timeout, func() { cancel(context.DeadlineExceeded) })
		}
	}}
	err = cmd.Run()
	cause := context.Cause(ctx)
	if !booted.done() && (cause == nil || errors.Is(cause, ErrBoot)) {
		return 0, fmt.Errorf("boot Linux %s: %w; the console's last lines:\n%s", f.series, ErrBoot, console.lines())
	}
	if cause != nil {
		return 0, fmt.Errorf("run %s in VM: %w", g.Command[0], cause)
	}
	code := cmd.ProcessState.ExitCode()
	if code == died || code < 0 {
		return 0, fmt.Errorf("run %s in VM: %w (%w); the console's last lines:\n%s", g.Command[0], ErrDied, err, console.lines())
	}
	return code, nil
}

// vngArgs is vng's command line, which starts guest.sh of the directory dir.
func (g Guest) vngArgs(f files, kvm bool, dir string, scratch scratch) []string {
	cpus, qemu := "2", "-nodefaults"
	if g.Count {
		cpus, qemu = "1", qemu+" -icount shift=0,sleep=off"
	}
	args := []string{
		f.vng(), "--run", f.kernel, "--user", "root", "--name", "eroute-vm",
		// Debian 12's virtiofsd does not have the options that vng uses.
		"--force-9p", "--rwdir", string(scratch),
		"--cpus", cpus, "--memory", "3G", "--verbose", "--append", "loglevel=7",
		// Drivers of unused hardware: a fifth of the boot time.
		"--append", "modprobe.blacklist=" + unusedDrivers, "--qemu-opts=" + qemu,
		"--exec", "exec bash " + filepath.Join(dir, "guest.sh"),
	}
	if !kvm {
		args = append(args, "--disable-kvm")
	}
	if !kvm && !g.Count {
		// Under emulation the mitigations of faults of hardware, and clearing memory that is overwritten, cost a
		// third of the time. Instructions are counted with them, as in use.
		args = append(args, "--append", "mitigations=off", "--append", "init_on_alloc=0", "--append", "no_timer_check")
	}
	here, _ := os.Getwd() // in the repository, with the tests and bin/ipsec
	for _, dir := range cached(f.dir, g.Dir, here) {
		args = append(args, "--overlay-rwdir", dir)
	}
	if g.NoIPv6 {
		args = append(args, "--append", "ipv6.disable=1")
	}
	return args
}

// overlaid are the directories over which vng mounts overlays.
var overlaid = []string{"/etc", "/lib", "/home", "/opt", "/srv", "/usr", "/var", "/tmp"}

// cached returns the top directories of paths that need an overlay. The guest forgets the content of a file of the
// shared file system with its last user, and reads it page by page, which takes seconds for a program; below an
// overlay it keeps it.
func cached(paths ...string) (dirs []string) {
	for _, path := range paths {
		top, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if dir := "/" + top; !slices.Contains(overlaid, dir) && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// unusedDrivers are the drivers that udev would load for QEMU's machine.
const unusedDrivers = "ahci,libahci,libata,ata_generic,sr_mod,cdrom,sg,kvm,kvm_amd,kvm_intel,ccp," +
	"i6300esb,lpc_ich,iTCO_wdt,i2c_i801,psmouse,pcspkr,joydev,acpi_cpufreq,powernow_k8"

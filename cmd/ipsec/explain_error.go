// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/files"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// explainError adds the cause and the remedy to an error of the kernel.
func explainError(err error) error {
	var (
		value    *eroute.ValueError
		file     *files.Error
		verifier *ebpf.VerifierError
	)
	switch {
	case errors.As(err, &value), errors.As(err, &file):
		return err
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return fmt.Errorf("raise the limit of open files (ulimit -n, LimitNOFILE=): %w", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("must be root (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON), try sudo: %w", err)
	case errors.Is(err, ebpf.ErrNotSupported), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("no kernel support, use Linux 6.6 or later with CONFIG_BPF_SYSCALL, CONFIG_NET_XGRESS and CONFIG_MEMBARRIER: %w", err)
	case errors.As(err, &verifier): // on Linux 6.1, which cannot verify loops, or without CAP_PERFMON
		return fmt.Errorf("no kernel support for the programs, use Linux 6.6 or later, as root (CAP_PERFMON): %w", err)
	case errors.Is(err, eroute.ErrTableFull):
		return fmt.Errorf("%w, set by ipsec eroute --limit", err)
	}
	return err
}

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

// Package bpftest holds BPF programs for tests and benchmarks. They include the headers of package bpf, so that they
// measure the same code. The ipsec command does not import this package.
package bpftest

//go:generate -command bpf2go go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target bpfel -no-global-types -cflags "-mcpu=v3 -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu"
//go:generate bpf2go -type packet -type probe_run Probe probe.bpf.c
//go:generate bpf2go Parser parser.bpf.c
//go:generate bpf2go -type drive_frame Drive drive.bpf.c
//go:generate bpf2go Order order.bpf.c
//go:generate bpf2go Steer steer.bpf.c

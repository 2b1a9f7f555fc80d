// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

// Package bpf holds the kernel programs and what bpf2go makes of them: one object
// per hook, and the types and constants that abi.h shares with Go.
package bpf

//go:generate -command bpf2go go tool bpf2go -cc clang-19 -strip llvm-strip-19 -target bpfel -no-global-types -cflags "-mcpu=v3 -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu"
//go:generate bpf2go -type limits -type eroute_action -type eroute_tuple -type reason -type lookup_cb -type lookup_status -type event_kind -type src_key4 -type src_key6 -type src_value -type eroute_key4 -type eroute_key6 -type eroute_value -type index -type index_entry -type index_slot4 -type index_slot6 -type counters -type counter_block -type sa_use -type sa -type sa_group -type flow_key -type flow -type relay -type event -type stat -type writing -type table_meta -type cache_words -type cache_bucket4 -type cache_bucket6 -type device_words -type device_xfrm -type watched -type detour -type epoch -type ingress_key -type ingress -type reject_rate ABI abi.bpf.c
//go:generate bpf2go Lookup lookup.bpf.c
//go:generate bpf2go Notify notify.bpf.c
//go:generate bpf2go Egress egress.bpf.c
//go:generate bpf2go Wire wire.bpf.c
//go:generate bpf2go Guard guard.bpf.c
//go:generate bpf2go Inbound inbound.bpf.c
//go:generate bpf2go Reject reject.bpf.c
//go:generate bpf2go Detour detour.bpf.c
//go:generate bpf2go XDP xdp.bpf.c
//go:generate bpf2go IngressTC ingress.bpf.c
//go:generate bpf2go SADelete sa_delete.bpf.c
//go:generate bpf2go SAExhausted sa_exhausted.bpf.c
//go:generate go generate ./bpftest
//go:generate go run github.com/ipsec-eroute/eroute/pkg/layout/generate

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * For make bench: makes each frame of a run of BPF_PROG_TEST_RUN one of a list's in turn, and passes it on to the kernel on
 * this CPU, or on another one.
 */
#include "../kernel.h"

#define SHORTEST 60
#define MORE 0x7ff

/* The frames; all have SHORTEST bytes and steer_more. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__uint(value_size, SHORTEST + MORE + 1);
} steer_frames SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct bpf_cpumap_val);
} steer_cpus SEC(".maps");

volatile __u32 steer_more;
volatile __u32 steer_count; /* number of frames */
volatile __u32 steer_on;    /* the last frame of the list goes to CPU 1, another one to CPU 0 */
volatile __u32 steer_next;

SEC("xdp")
int steer_frame(struct xdp_md *ctx)
{
	__u32 count = steer_count, n = steer_next;
	__u32 length = SHORTEST + (steer_more & MORE); /* limits that the verifier sees */
	void *frame = bpf_map_lookup_elem(&steer_frames, &n);

	steer_next = n + 1 < count ? n + 1 : 0;
	if (!frame || bpf_xdp_store_bytes(ctx, 0, frame, length))
		return XDP_ABORTED;
	return steer_on ? (int)bpf_redirect_map(&steer_cpus, n + 1 == count, XDP_ABORTED)
			: XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";

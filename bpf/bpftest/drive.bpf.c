// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * For make bench: generates the next frame of a list, for a program under test or to send out of an
 * interface. Run by BPF_PROG_TEST_RUN.
 */
#include "../kernel.h"

#define WORDS 8

struct drive_frame {
	__u64 words[WORDS];
};

struct drive_frame *export_drive_frame;

/*
 * For each frame, the bytes that differ between frames, see drive_differs. A small list leaves the
 * CPU's caches to the program under test. The loader sets the sizes.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__uint(value_size, sizeof(__u64) * WORDS);
} drive_frames SEC(".maps");

/* The position of each CPU in the list. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} drive_position SEC(".maps");

/* The program under test. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} drive_judge SEC(".maps");

volatile const struct drive_frame
	drive_same;                         /* bytes equal in all frames; 0 for those that differ */
volatile const __u64 drive_differs = ~0ULL; /* a bit for each byte */
volatile const __u32 drive_count = 1;       /* number of frames */
volatile const __u32 drive_ifindex;         /* output interface */

static __always_inline int next_frame(struct xdp_md *ctx)
{
	struct drive_frame *to = (void *)(long)ctx->data;
	const __u8 *from;
	__u32 zero = 0, index, *position = bpf_map_lookup_elem(&drive_position, &zero);

	if (!position || (void *)(to + 1) > (void *)(long)ctx->data_end)
		return -1;
	index = *position;
	*position = index + 1 < drive_count ? index + 1 : 0;
	from = bpf_map_lookup_elem(&drive_frames, &index);
	if (!from)
		return -1;
#pragma unroll
	for (int i = 0; i < WORDS; i++) {
		__u64 word = drive_same.words[i];
		__u8 differs = drive_differs >> 8 * i;

#pragma unroll
		for (int at = 0; differs && at < 8; at++)
			if (differs & 1 << at)
				word |= (__u64)*from++ << 8 * at;
		to->words[i] = word;
	}
	return 0;
}

SEC("xdp.frags")
int drive_in(struct xdp_md *ctx)
{
	if (!next_frame(ctx))
		bpf_tail_call(ctx, &drive_judge, 0);
	return XDP_ABORTED;
}

SEC("xdp")
int drive_out(struct xdp_md *ctx)
{
	return next_frame(ctx) ? XDP_ABORTED : (int)bpf_redirect(drive_ifindex, 0);
}

/* An empty program, for comparison. */
SEC("xdp.frags")
int drive_drop(struct xdp_md *ctx)
{
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/* XDP of an ingress interface: what the table ends ends here, before an skb is made. */
#include "xdp_bytes.h"
#define HOOK_XDP
#include "fast.h"
#include "handover.h"

/* Reads the Ethernet header and up to two VLAN tags. Returns 0, or -1 on a short frame. */
static __always_inline int read_frame(struct xdp_md *ctx, struct ethernet *eth, struct frame *f)
{
	struct vlan_tag tag;

	if (LOAD_BYTES(ctx, 0, eth, sizeof(*eth)))
		return -1;
	f->proto = eth->proto;
	f->l3 = sizeof(*eth);
	for (int i = 0; i < 2; i++) {
		if (f->proto != bpf_htons(ETH_P_8021Q) && f->proto != bpf_htons(ETH_P_8021AD))
			break;
		if (LOAD_BYTES(ctx, f->l3, &tag, sizeof(tag)))
			return -1;
		f->vlan[i] = bpf_ntohs(tag.tci) & 0xfff;
		f->proto = tag.proto;
		f->l3 += sizeof(tag);
	}
	return 0;
}

/* Finds the IP header, and the interface that routing sees; 0: leave the frame alone. */
static __noinline __u32 routed_frame(struct xdp_md *ctx, struct frame *f)
{
	struct ethernet eth;

	if (read_frame(ctx, &eth, f))
		return 0;
	return routed_ifindex(ctx->ingress_ifindex, f, eth.dst);
}

SEC("xdp.frags")
int eroute_xdp(struct xdp_md *ctx)
{
	struct amount a = { .packets = 1 };
	struct frame f = {};
	struct packet p;
	struct match m;
	__u32 ifindex, reason;
	enum early early;

	ifindex = routed_frame(ctx, &f);
	if (!ifindex)
		return XDP_PASS;
	parse(ctx, f.l3, f.proto, &p);
	if (!is_simple(&p, bpf_xdp_get_buff_len(ctx) - f.l3))
		return go_on(ctx);
	early = early_verdict(&p, &m, &reason);
	if (early == GO_ON || !is_for_ipsec(ctx, ifindex, 0, &p))
		return go_on(ctx);
	switch (early) {
	case END:
		a.bytes = p.len;
		count_end(&m, reason, &a);
		return XDP_DROP;
	case ANSWER: /* TC's, where the packet can be marked */
		return XDP_PASS;
	case GO_ON:
		break;
	}
	return go_on(ctx);
}

char _license[] SEC("license") = "Dual BSD/GPL";

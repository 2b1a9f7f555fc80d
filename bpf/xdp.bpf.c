// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/* XDP of an ingress interface: drops packets before an skb is allocated. */
#include "abi.h"
#include "count.h"
#include "fastpath.h"
#include "xdp_meta.h"
#include "kernel.h"
#include "load.h"
#include "net.h"
#include "parse.h"
#include "skb.h"

/* Reads the Ethernet header and up to two VLAN tags. Returns 0, or -1 on a short frame. */
static __always_inline int read_frame(struct xdp_md *ctx, struct ethhdr *eth, struct frame *f)
{
	struct vlan_tag tag;

	if (load_xdp_bytes(ctx, 0, eth, sizeof(*eth)))
		return -1;
	f->proto = eth->h_proto;
	f->l3 = sizeof(*eth);
	for (int i = 0; i < 2; i++) {
		if (!is_vlan_tag(f->proto))
			break;
		if (load_xdp_bytes(ctx, f->l3, &tag, sizeof(tag)))
			return -1;
		f->vlan[i] = bpf_ntohs(tag.tci) & 0xfff;
		f->proto = tag.proto;
		f->l3 += sizeof(tag);
	}
	return 0;
}

/*
 * Reports whether frames can have an outer tag that only their descriptor has, which TC sees and XDP does
 * not, and whether that matters: the device has VLAN interfaces, in any namespace, or is a bridge
 * port.
 */
static __always_inline int may_hide_tag(struct xdp_md *ctx)
{
	struct net_device *dev = device_of(ctx, HOOK_XDP);
	struct vlan_info *vlans;

	if (dev->rx_handler)
		return 1;
	if (!bpf_core_field_exists(dev->vlan_info))
		return 0;
	vlans = dev->vlan_info;
	return vlans && vlans->grp.nr_vlan_devs;
}

/* Finds the IP header and the interface that routing sees; 0: not handled. */
static __always_inline __u32 routed_frame(struct xdp_md *ctx, struct frame *f)
{
	struct ethhdr eth ALIGNED;

	if (!in_own_netns(ctx, HOOK_XDP) || may_hide_tag(ctx) || read_frame(ctx, &eth, f))
		return 0;
	return routed_ifindex(ctx->ingress_ifindex, f, &eth);
}

SEC("xdp.frags")
int eroute_xdp(struct xdp_md *ctx)
{
	struct packet_count count = { .packets = 1 };
	struct fastpath_result a;
	struct frame f = {};
	struct packet p;
	__u32 ifindex;

	ifindex = routed_frame(ctx, &f);
	if (!ifindex)
		return XDP_PASS;
	parse(ctx, HOOK_XDP, f.l3, f.proto, &p);
	if (!is_simple(&p, xdp_frame_len(ctx, f.l3 + p.len) - f.l3))
		return mark_inspected(ctx);
	fastpath_lookup(ctx, HOOK_XDP, ifindex, 0, &p, &a);
	if (a.action == FASTPATH_CONTINUE)
		return mark_inspected(ctx);
	if (a.action == FASTPATH_REPLY) /* by TC, which can send ICMP errors */
		return XDP_PASS;
	count.bytes = p.len;
	count_drop(&a, &count);
	return XDP_DROP;
}

char _license[] SEC("license") = "Dual BSD/GPL";

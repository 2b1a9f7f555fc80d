// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * Egress of a watched physical device: matches each packet that is about to leave in clear against the table,
 * whatever way it came here. A packet with an SA goes to XFRM through the ipsec device; %pass, and no eroute,
 * leave as they are.
 */
#include "abi.h"
#include "classify.h"
#include "count.h"
#include "flow.h"
#include "group.h"
#include "ike.h"
#include "kernel.h"
#include "link_scope.h"
#include "load.h"
#include "net.h"
#include "output.h"
#include "parse.h"
#include "protected.h"
#include "quoted.h"
#include "skb.h"
#include "table.h"
#include "token.h"
#include "translated.h"
#include "trap.h"
#include "verdict.h"
#include "watched.h"

/* Set by the loader: ifindex of the ipsec device. */
volatile const __u32 ipsec_device;

#define IFF_802_1Q_VLAN 1 /* include/linux/netdevice.h */

/*
 * The EtherType of a frame. A raw socket can send a frame with another one than __sk_buff.protocol.
 */
static __always_inline __be16 ethertype_of(struct __sk_buff *skb, __u32 l3)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;

	return l3 == ETH_HLEN && data + sizeof(*eth) <= end ? eth->h_proto : skb->protocol;
}

/* Reports whether packets leave through a VLAN interface. */
static __always_inline int is_on_vlan(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	struct net_device *dev = kernel->dev;

	return BPF_CORE_READ_BITFIELD(dev, priv_flags) & IFF_802_1Q_VLAN;
}

/*
 * Removes the tag that a VLAN interface with "reorder_hdr off" has already put into the frame. The interface adds it
 * when it sends the frame (vlan_dev_hard_start_xmit). Returns 0, or an error.
 */
static __noinline int remove_own_tag(struct __sk_buff *skb)
{
	if (!is_on_vlan(skb))
		return 0;
	if (bpf_skb_vlan_pop(skb))
		return -1;
	return skb->vlan_present ? bpf_skb_vlan_pop(skb) : 0; /* the next tag of the frame */
}

static __always_inline int is_ip(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_IP) || ethertype == bpf_htons(ETH_P_IPV6);
}

/* The ipsec device's program hands the packet to XFRM. slot: as for encrypt() in verdict.h. */
static __always_inline int send_to_ipsec(struct __sk_buff *skb, __u32 slot,
					 const struct packet_count *a)
{
	token_set_sa(skb, slot, a);
	return bpf_redirect(ipsec_device, 0);
}

/* Reports whether packets without an eroute leave. */
static __always_inline int passes_unmatched(struct __sk_buff *skb)
{
	return !(watched(skb->ifindex) & WATCHED_DROP_UNMATCHED);
}

/* A packet that matched and does not leave in clear. */
static __always_inline int apply(struct __sk_buff *skb, __u32 l3, const struct packet *p,
				 struct match *m, const struct packet_count *a)
{
	struct device dev;
	__u32 wait;

	switch (m->v.action) {
	case ACT_DROP:
		return drop(REASON_DROP, a);
	case ACT_REJECT:
		return reject(skb, l3, ipsec_device, p, a);
	case ACT_HOLD:
		return hold(skb, l3, p, m, a);
	case ACT_XFRM:
		return send_to_ipsec(skb, SLOT_OF_XFRM, a);
	case ACT_SA:
		if (!m->flow)
			return send_to_ipsec(skb, m->v.sa, a);
		if (find_device(ipsec_device, &dev))
			return drop(REASON_UNCONFIGURED, a);
		wait = flow_wait(skb, l3, &dev, p, m);
		return wait ? drop(wait, a) : send_to_ipsec(skb, m->v.sa, a);
	}
	return drop(REASON_UNCONFIGURED, a);
}

/* An ICMP error about a packet of a protected flow: it leaves with the SA of the flow's eroute, or drops. */
static __always_inline int protect_quoted(struct __sk_buff *skb, const struct packet *p,
					  struct verdict *v, const struct packet_count *a)
{
	count_eroute(v->id, a);
	choose_member(p, v);
	switch (v->action) {
	case ACT_SA:
		return send_to_ipsec(skb, v->sa, a);
	case ACT_DROP:
		return drop(REASON_DROP, a);
	case ACT_REJECT:
		return drop(REASON_REJECT, a);
	case ACT_XFRM:
		return send_to_ipsec(skb, SLOT_OF_XFRM, a);
	}
	return drop(REASON_HOLD_NOT_STORED, a);
}

/* A packet without an eroute, or with %pass. */
static __always_inline int leave_in_clear(struct __sk_buff *skb, __u32 l3, struct packet *p,
					  struct verdict *v, const struct packet_count *a)
{
	__u32 id = v->id, passes = v->action;

	if (restore_source(bpf_cast_to_kern_ctx(skb), p) &&
	    (other_verdict(p, v) || is_protected(v)))
		return drop(REASON_TRANSLATED, a);
	if (take_quoted(skb, HOOK_TC, l3, p)) {
		if (other_verdict(p, v))
			return drop(REASON_UNCONFIGURED, a);
		if (is_protected(v))
			return protect_quoted(skb, p, v, a);
	}
	if (!passes)
		return passes_unmatched(skb) ? TCX_NEXT : drop(REASON_NO_EROUTE, a);
	count_eroute(id, a);
	count_reason(REASON_PASS, a);
	return TCX_NEXT;
}

static __always_inline int decide(struct __sk_buff *skb, __u32 l3, struct packet *p)
{
	struct device dev = { .physical = skb->ifindex };
	struct packet_count a;
	struct match m;

	set_packet_count(skb, l3, p, &a);
	if (classify(p, &m))
		return drop(REASON_UNCONFIGURED, &a);
	if (is_local_ike(skb, &dev, p, &m.v, false)) {
		count_reason(REASON_IKE, &a);
		return TCX_NEXT;
	}
	if (!is_protected(&m.v))
		return leave_in_clear(skb, l3, p, &m.v, &a);
	choose_member(p, &m.v);
	if (m.v.action == ACT_TRAP || m.v.action == ACT_TRAPSUBNET)
		return trap(skb, l3, p, &m, &a);
	count_match(&m, &a);
	return apply(skb, l3, p, &m, &a);
}

SEC("tcx/egress")
int eroute_wire(struct __sk_buff *skb)
{
	struct packet_count a = { .packets = 1, .bytes = skb->len };
	__be16 ethertype;
	struct packet p;
	__u32 l3;

	if (skb->vlan_present || !in_own_netns(skb, HOOK_TC))
		return TCX_NEXT;
	if (is_vlan_tag(skb->protocol) && remove_own_tag(skb))
		return drop(REASON_ERROR, &a);
	l3 = network_offset(skb);
	ethertype = ethertype_of(skb, l3);
	if (!is_ip(ethertype) ||
	    (is_made_by_xfrm(bpf_cast_to_kern_ctx(skb), ethertype) && has_route(skb)) ||
	    token_take_clear(skb))
		return TCX_NEXT;
	parse(skb, HOOK_TC, l3, ethertype, &p);
	if (!p.family)
		return drop(REASON_NOT_IP, &a);
	if (is_link_scope(skb, l3, &p))
		return TCX_NEXT;
	return decide(skb, l3, &p);
}

char _license[] SEC("license") = "Dual BSD/GPL";

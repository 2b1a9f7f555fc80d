/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Applies a verdict on the ipsec device: encrypt, send in clear, reject. */
#ifndef EROUTE_VERDICT_H
#define EROUTE_VERDICT_H

#include "abi.h"
#include "icmp_error.h"
#include "count.h"
#include "kernel.h"
#include "output.h"
#include "maps.h"
#include "parse.h"
#include "watched.h"

/* Set by the loader if the kernel has the kfunc; else the verifier prunes its call. */
volatile const __u8 have_xfrm_info;

static __always_inline int send_in_clear(struct __sk_buff *skb, const struct device *dev,
					 const struct packet *p, __u32 reason,
					 const struct packet_count *a)
{
	int ret = send_out(skb, dev, p);

	if (ret == TC_ACT_SHOT)
		return drop(REASON_ERROR, a);
	count_reason(reason, a);
	return ret;
}

/* The state of an eroute's SA. */
static __always_inline enum sa_use sa_use(__u32 slot)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);

	return sa ? sa->use : SA_ABSENT;
}

/*
 * Reports whether a packet needs another route. In transport mode XFRM keeps the packet's route, and treats one
 * into the ipsec device as a loop.
 */
static __always_inline int needs_detour(struct __sk_buff *skb, const struct device *dev,
					const struct verdict *v)
{
	return v->action == ACT_SA && dev->has_xfrm && sa_use(v->sa) & SA_IN_TRANSPORT_MODE &&
	       skb->tc_index != DETOUR_OUT;
}

/*
 * Gives a packet a route through the detour device, or through the physical device if that is watched. The
 * programs there return the packet.
 */
static __always_inline int detour(struct __sk_buff *skb, const struct device *dev)
{
	__u32 ifindex = dev->physical;

	if (!watched(ifindex)) {
		ifindex = dev->detour;
		skb->tc_index = DETOUR_OUT;
	}
	if (bpf_skb_change_head(skb, ETH_HLEN, 0)) /* the kernel removes it */
		return TC_ACT_SHOT;
	return bpf_redirect_neigh(ifindex, NULL, 0, 0);
}

/*
 * Hands the packet to XFRM: the if_id selects the one policy whose template pins the SA. The kernel
 * drops the packet if policy or SA are gone by then, and if a tunnel's route to the peer leads into
 * the ipsec device again (a loop, whatever info.link is).
 * slot: of the SA; SLOT_OF_XFRM: the policies without an if_id select it, and the kernel drops a packet that matches none.
 * vrf: ifindex of the VRF in which the peer is, or 0.
 */
static __always_inline int encrypt(struct __sk_buff *skb, const struct device *dev, __u32 slot,
				   int vrf, const struct packet_count *a)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);
	struct bpf_xfrm_info info = {};
	enum sa_use use;

	if (!have_xfrm_info || !dev->has_xfrm)
		return drop(REASON_NO_XFRM, a);
	if (slot != SLOT_OF_XFRM) {
		use = sa ? sa->use : SA_ABSENT;
		if (!sa || use == SA_ABSENT)
			return drop(REASON_SA_MISSING, a);
		if (use == SA_EXHAUSTED)
			return drop(REASON_SA_EXHAUSTED, a);
		info.if_id = sa->if_id;
	}
	info.link = vrf;
	if (skb->tc_index == DETOUR_OUT)
		skb->tc_classid =
			DETOUR_DONE; /* becomes tc_index after TC_ACT_OK (net/core/dev.c) */
	if (have_xfrm_info && bpf_skb_set_xfrm_info(skb, &info))
		return drop(REASON_ERROR, a);
	count_reason(slot == SLOT_OF_XFRM ? REASON_XFRM : REASON_SA, a);
	return TC_ACT_OK;
}

/*
 * Turns the packet into an ICMP error about it, and sends that through the ipsec device's ingress.
 */
static __always_inline int reject(struct __sk_buff *skb, __u32 l3, __u32 ipsec_device,
				  const struct packet *p, const struct packet_count *a)
{
	__u32 ifindex;

	count_reason(REASON_REJECT, a);
	ifindex = make_icmp_error(skb, l3, p, skb->ingress_ifindex, ipsec_device);
	if (!ifindex)
		return TC_ACT_SHOT;
	skb->mark = ifindex;
	skb->tc_index = REJECT_REPLY;
	return bpf_redirect(ipsec_device, BPF_F_INGRESS);
}

#endif

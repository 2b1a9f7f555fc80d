// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * Ingress of a strict physical device, and of its ipsec device. Each packet is matched as the packet that would
 * answer it, with source and destination exchanged: if that would be encrypted, the packet must have arrived
 * encrypted, by an SA of the same peer (RFC 4301 section 5.2).
 */
#include "abi.h"
#include "address.h"
#include "count.h"
#include "decrypted.h"
#include "edst.h"
#include "inbound_exempt.h"
#include "kernel.h"
#include "load.h"
#include "maps.h"
#include "net.h"
#include "output.h"
#include "parse.h"
#include "protected.h"
#include "quoted.h"

/* Maximum VLAN tags of ID 0 in a frame: tags of a priority, not of a VLAN. */
#define MAX_PRIORITY_TAGS 4

/*
 * Finds the IP header. Returns the EtherType, or 0 if the frame is for a VLAN interface. The kernel has removed
 * the outer tag. It removes further ones of ID 0 later (__netif_receive_skb_core in net/core/dev.c).
 */
static __always_inline __be16 find_header(struct __sk_buff *skb, __u32 *l3)
{
	__be16 ethertype = skb->protocol;
	struct vlan_tag tag;

	*l3 = network_offset(skb);
	if (!skb->vlan_present)
		return ethertype;
	if (skb->vlan_tci & 0xfff)
		return 0;
	for (int i = 0; i < MAX_PRIORITY_TAGS && is_vlan_tag(ethertype); i++) {
		if (bpf_skb_load_bytes(skb, *l3, &tag, sizeof(tag)) || bpf_ntohs(tag.tci) & 0xfff)
			return 0;
		ethertype = tag.proto;
		*l3 += sizeof(tag);
	}
	return ethertype;
}

/* Reports whether an eroute protects the packets that it matches. */
static __always_inline int encrypts(const struct verdict *v)
{
	return v->action == ACT_SA || v->action == ACT_HOLD || v->action == ACT_TRAP ||
	       v->action == ACT_TRAPSUBNET || v->action == ACT_XFRM;
}

/* Reports whether packets of an eroute go to the peer, or to one that XFRM or a key manager selects. */
static __always_inline int leads_to(const struct verdict *v, const struct peer *peer)
{
	return v->action == ACT_SA ? is_edst(v->sa, peer->family, (const void *)peer->addr)
				   : encrypts(v);
}

/* A packet that arrived in clear. p is the packet that would answer it, v its eroute. */
static __always_inline int judge_clear(struct __sk_buff *skb, __u32 l3, struct packet *p,
				       struct verdict *v, const struct packet_count *a)
{
	int encrypted = encrypts(v), own = 0;

	if (is_icmp_error(skb, HOOK_TC, l3, p))
		own = is_local_address(skb, skb->ifindex, p);
	if (take_quoted(skb, HOOK_TC, l3, p)) {
		exchange_ends(p);
		if (own && is_ike_or_ipsec(p) && is_local_address(skb, skb->ifindex, p))
			return TCX_NEXT; /* an error on the path of the gateway's own ESP or IKE */
		if (other_verdict(p, v))
			return drop(REASON_UNCONFIGURED, a);
		encrypted |= encrypts(v);
	}
	return encrypted ? drop(REASON_CLEAR_INBOUND, a) : TCX_NEXT;
}

/*
 * A packet that XFRM has decrypted. On the ipsec device it needs an eroute; packets that XFRM returns to another
 * device belong to a tunnel that the table may not know.
 */
static __always_inline int judge_decrypted(struct __sk_buff *skb, __u32 l3, struct packet *p,
					   struct verdict *v, const struct peer *peer,
					   const struct packet_count *a)
{
	__u32 ifindex = skb->ifindex;

	if (leads_to(v, peer))
		return TCX_NEXT;
	if (v->action != ACT_SA && !bpf_map_lookup_elem(&eroute_devices, &ifindex))
		return TCX_NEXT;
	if (take_quoted(skb, HOOK_TC, l3, p)) {
		exchange_ends(p);
		if (other_verdict(p, v))
			return drop(REASON_UNCONFIGURED, a);
		if (leads_to(v, peer))
			return TCX_NEXT;
	}
	return drop(REASON_WRONG_PEER, a);
}

SEC("tcx/ingress")
int eroute_inbound(struct __sk_buff *skb)
{
	struct packet_count a = { .packets = 1, .bytes = skb->len };
	__be16 ethertype;
	struct verdict v;
	struct packet p;
	struct peer peer;
	__u32 l3;

	if (skb->pkt_type == PACKET_OTHERHOST || skb->pkt_type == PACKET_LOOPBACK ||
	    !in_own_netns(skb, HOOK_TC))
		return TCX_NEXT;
	ethertype = find_header(skb, &l3);
	if (ethertype != bpf_htons(ETH_P_IP) && ethertype != bpf_htons(ETH_P_IPV6))
		return is_vlan_tag(ethertype) ? drop(REASON_NOT_IP, &a) : TCX_NEXT;
	parse(skb, HOOK_TC, l3, ethertype, &p);
	if (!p.family)
		return drop(REASON_NOT_IP, &a);
	set_packet_count(skb, l3, &p, &a);
	find_peer(skb, &peer);
	if (!peer.family && is_exempt_inbound(skb, l3, &p))
		return TCX_NEXT;
	exchange_ends(&p);
	if (other_verdict(&p, &v))
		return drop(REASON_UNCONFIGURED, &a);
	if (peer.family)
		return judge_decrypted(skb, l3, &p, &v, &peer, &a);
	return judge_clear(skb, l3, &p, &v, &a);
}

char _license[] SEC("license") = "Dual BSD/GPL";

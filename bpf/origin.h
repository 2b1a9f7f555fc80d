/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The origin of an IKE, ESP or AH packet: a key manager's socket, XFRM, or another. A packet
 * without an ingress interface is not necessarily local: fragments that the kernel makes of a
 * forwarded packet (ip6_fragment) and packets that the relay re-sends have none either.
 */
#ifndef EROUTE_ORIGIN_H
#define EROUTE_ORIGIN_H

#include <linux/xfrm.h>
#include "kernel.h"
#include "parse.h"
#include "skb.h"

#define SOCK_DGRAM 2

#define IPSKB_XFRM_TRANSFORMED (1 << 2) /* include/net/ip.h */
#define IP6SKB_XFRM_TRANSFORMED 1       /* include/linux/ipv6.h */

/*
 * Reports whether XFRM made this packet. Only its output path sets the flag (xfrm_output); received packets
 * start with cleared flags (ip_rcv, ipv6_rcv). IPv4 copies the flags to fragments. IPv6 does not,
 * so fragments of ESP over IPv6 are not recognised.
 */
static __always_inline int is_made_by_xfrm(const struct sk_buff *kernel, __be16 ethertype)
{
	if (ethertype == bpf_htons(ETH_P_IP)) {
		const struct inet_skb_parm *cb = (void *)kernel->cb;

		return bpf_core_field_exists(cb->flags) && cb->flags & IPSKB_XFRM_TRANSFORMED;
	} else {
		const struct inet6_skb_parm *cb = (void *)kernel->cb;

		return bpf_core_field_exists(cb->flags) && cb->flags & IP6SKB_XFRM_TRANSFORMED;
	}
}

/*
 * Reports whether a packet came through this network namespace's IP: it has a route there. For others, cb has
 * other data, such as that of a bridge, or what a program of another namespace has written: a macvlan interface
 * there hands packets over with their cb and route.
 */
static __always_inline int has_route(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	const struct dst_entry *dst = route_of(kernel);

	return dst && dst->dev->nd_net.net == kernel->dev->nd_net.net;
}

/*
 * Reports whether the socket is exempt from XFRM policies (IP_XFRM_POLICY), which takes CAP_NET_ADMIN. Key
 * managers exempt theirs.
 */
static __always_inline int bypasses_policies(const struct sock *sk)
{
	const struct xfrm_policy *policy;

	if (!bpf_core_field_exists(sk->sk_policy) ||
	    !bpf_core_field_exists(struct xfrm_policy, xfrm_nr))
		return 0;
	policy = sk->sk_policy[XFRM_POLICY_OUT];
	return policy && policy->action == XFRM_POLICY_ALLOW && !policy->xfrm_nr;
}

/*
 * Reports whether the packet's socket is in the device's network namespace and privileged: owned by root of
 * that user namespace, or exempt from policies.
 */
static __always_inline int is_privileged(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	struct sock *sk = kernel->sk;

	if (!sk || sk->__sk_common.skc_net.net != kernel->dev->nd_net.net)
		return 0;
	return bpf_get_socket_uid(skb) == 0 || bypasses_policies(sk);
}

static __always_inline int is_ike_port(__u32 port)
{
	return port == 500 || port == 4500;
}

/*
 * Reports whether a key manager's socket sent the packet: a socket of the packet's own protocol, which the
 * relay's is not (IPPROTO_RAW). Fragments have the socket of their packet, and a bound UDP socket
 * has its port.
 */
static __always_inline int is_from_key_manager(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_sock *sk = skb->sk;

	if (skb->ingress_ifindex || !sk)
		return 0;
	sk = bpf_sk_fullsock(sk);
	if (!sk || (sk->family != AF_INET && sk->family != AF_INET6) || sk->protocol != p->proto)
		return 0;
	if (p->proto == IPPROTO_UDP) {
		if (sk->type == SOCK_DGRAM && !is_ike_port(sk->src_port))
			return 0;
		if (sk->type != SOCK_DGRAM && p->fragment == LATER_FRAGMENT)
			return 0;
	}
	return is_privileged(skb);
}

#endif

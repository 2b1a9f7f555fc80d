/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * ICMP errors. The kernel sends them with an address of its own, which no eroute covers, and they quote the packet
 * that they are about: decrypted, if it came from a peer. So they are matched as that packet with its addresses
 * exchanged, as RFC 4301 section 6.2 demands.
 */
#ifndef EROUTE_QUOTED_H
#define EROUTE_QUOTED_H

#include "kernel.h"
#include "load.h"
#include "parse.h"

/* ICMP messages that quote a packet: unreachable, source quench, redirect, time exceeded, parameter problem (RFC 792). */
#define ICMP_ERRORS (1 << 3 | 1 << 4 | 1 << 5 | 1 << 11 | 1 << 12)

/* The header before the quoted packet. */
#define ICMP_HLEN 8

static __always_inline int is_icmp_error(void *ctx, const enum hook hook, __u32 l3,
					 const struct packet *p)
{
	__u8 type;

	if (p->proto != (p->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6) ||
	    p->fragment == LATER_FRAGMENT || load_bytes(ctx, hook, l3 + p->l4, &type, 1))
		return 0;
	return p->family == AF_INET ? type < 13 && ICMP_ERRORS & 1 << type : type < 128;
}

static __always_inline void exchange(void *a, void *b, __u32 len)
{
	for (__u32 i = 0; i < len / 4; i++) {
		__u32 word = ((__u32 *)a)[i];

		((__u32 *)a)[i] = ((__u32 *)b)[i];
		((__u32 *)b)[i] = word;
	}
}

/* Exchanges source and destination of a packet. */
static __always_inline void exchange_ends(struct packet *p)
{
	__be16 port = p->sport;

	exchange(p->src, p->dst, sizeof(p->src));
	p->sport = p->dport;
	p->dport = port;
}

/* Replaces an ICMP error by the packet that it quotes, with its ends exchanged. Returns 0 if it quotes none. */
static __noinline int take_quoted(void *ctx, const enum hook hook, __u32 l3, struct packet *p)
{
	__be16 ethertype = bpf_htons(p->family == AF_INET ? ETH_P_IP : ETH_P_IPV6);

	if (!is_icmp_error(ctx, hook, l3, p))
		return 0;
	parse(ctx, hook, l3 + p->l4 + ICMP_HLEN, ethertype, p);
	if (!p->family)
		return 0;
	exchange_ends(p);
	return 1;
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Parses a packet. */
#ifndef EROUTE_PARSE_H
#define EROUTE_PARSE_H

#include "abi.h"
#include "kernel.h"
#include "load.h"

enum fragment {
	WHOLE_PACKET,
	FIRST_FRAGMENT,
	LATER_FRAGMENT,
};

struct packet {
	__u8 family; /* AF_INET or AF_INET6; 0: not IP */
	__u8 proto;
	__be16 sport; /* 0: none or unknown */
	__be16 dport;
	__u16 l4;  /* offset of the transport header from the IP header */
	__u32 len; /* of the packet, from the IP header; 0: an IPv6 jumbogram */
	__u8 ttl;
	__u8 tos;
	__u8 plain;    /* no IPv4 options or IPv6 hop-by-hop header, valid IPv4 checksum */
	__u8 fragment; /* enum fragment */
	/* IPv4 uses the first four bytes. */
	__u8 src[16] ALIGNED;
	__u8 dst[16] ALIGNED;
};

static __always_inline void parse_ports(void *ctx, const enum hook hook, __u32 l3, struct packet *p)
{
	__be16 ports[2];

	if (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP)
		return;
	if (p->len && p->l4 + sizeof(ports) > p->len)
		return;
	if (load_bytes(ctx, hook, l3 + p->l4, ports, sizeof(ports)))
		return;
	p->sport = ports[0];
	p->dport = ports[1];
}

static __always_inline int ipv4_checksum_ok(const struct iphdr *ip)
{
	const __u16 *word = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += word[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static __always_inline void parse_ipv4(void *ctx, const enum hook hook, __u32 l3, struct packet *p)
{
	struct iphdr ip ALIGNED;
	__u8 last;

	if (load_bytes(ctx, hook, l3, &ip, sizeof(ip)) || ip.version != 4)
		return;
	p->l4 = ip.ihl * 4;
	if (p->l4 < sizeof(ip) || load_bytes(ctx, hook, l3 + p->l4 - 1, &last, 1))
		return;
	p->family = AF_INET;
	p->proto = ip.protocol;
	p->ttl = ip.ttl;
	p->tos = ip.tos;
	p->len = bpf_ntohs(ip.tot_len);
	p->plain = p->l4 == sizeof(ip) && ipv4_checksum_ok(&ip);
	__builtin_memcpy(p->src, &ip.saddr, 4);
	__builtin_memcpy(p->dst, &ip.daddr, 4);
	if (ip.frag_off & bpf_htons(0x1fff))
		p->fragment = LATER_FRAGMENT;
	else if (ip.frag_off & bpf_htons(0x2000))
		p->fragment = FIRST_FRAGMENT;
	if (p->fragment != LATER_FRAGMENT)
		parse_ports(ctx, hook, l3, p);
}

static __always_inline int is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT ||
	       next == IPPROTO_DSTOPTS || next == IPPROTO_MH || next == IPPROTO_HIP ||
	       next == IPPROTO_SHIM6;
}

/*
 * Parses the extension headers up to the protocol. A malformed, truncated or too long chain leaves
 * protocol 0.
 */
static __always_inline void parse_ipv6_chain(void *ctx, const enum hook hook, __u32 l3, __u8 next,
					     struct packet *p)
{
	struct ipv6_ext ext;
	__u32 offset = sizeof(struct ipv6hdr), size;
	__u8 last;

	for (int i = 0; i <= MAX_EXT_HEADERS; i++) {
		if (!is_extension(next)) {
			p->proto = next;
			p->l4 = offset;
			parse_ports(ctx, hook, l3, p);
			return;
		}
		if (i == MAX_EXT_HEADERS || (i > 0 && next == IPPROTO_HOPOPTS))
			return;
		if (load_bytes(ctx, hook, l3 + offset, &ext, sizeof(ext)))
			return;
		size = next == IPPROTO_FRAGMENT ? sizeof(ext) : (ext.len + 1) * 8;
		if (p->len && offset + size > p->len)
			return;
		if (load_bytes(ctx, hook, l3 + offset + size - 1, &last, sizeof(last)))
			return;
		if (next == IPPROTO_FRAGMENT && ext.frag_off & bpf_htons(1))
			p->fragment = FIRST_FRAGMENT;
		if (next == IPPROTO_FRAGMENT && (ext.frag_off & bpf_htons(0xfff8))) {
			p->fragment = LATER_FRAGMENT;
			if (!is_extension(ext.next))
				p->proto = ext.next;
			return;
		}
		offset += size;
		next = ext.next;
	}
}

static __always_inline void parse_ipv6(void *ctx, const enum hook hook, __u32 l3, struct packet *p)
{
	struct ipv6hdr ip ALIGNED;
	__u32 first; /* version, traffic class, flow label */

	if (load_bytes(ctx, hook, l3, &ip, sizeof(ip)))
		return;
	__builtin_memcpy(&first, &ip, sizeof(first));
	first = bpf_ntohl(first);
	if (first >> 28 != 6)
		return;
	p->family = AF_INET6;
	p->ttl = ip.hop_limit;
	p->tos = first >> 20;
	p->len = ip.payload_len ? sizeof(ip) + bpf_ntohs(ip.payload_len) : 0;
	p->plain = ip.nexthdr != IPPROTO_HOPOPTS;
	__builtin_memcpy(p->src, &ip.saddr, 16);
	__builtin_memcpy(p->dst, &ip.daddr, 16);
	parse_ipv6_chain(ctx, hook, l3, ip.nexthdr, p);
}

/*
 * Parses the packet with its IP header at l3 and EtherType proto (network byte order). family is 0
 * if it is not IP, or truncated.
 */
static __always_inline void parse(void *ctx, const enum hook hook, __u32 l3, __be16 proto,
				  struct packet *p)
{
	__builtin_memset(p, 0, sizeof(*p));
	if (proto == bpf_htons(ETH_P_IP))
		parse_ipv4(ctx, hook, l3, p);
	else if (proto == bpf_htons(ETH_P_IPV6))
		parse_ipv6(ctx, hook, l3, p);
}

/* ESP, AH, and UDP from a port of IKE. */
static __always_inline int is_ike_or_ipsec(const struct packet *p)
{
	if (p->proto == IPPROTO_ESP || p->proto == IPPROTO_AH)
		return 1;
	return p->proto == IPPROTO_UDP &&
	       (p->sport == bpf_htons(500) || p->sport == bpf_htons(4500));
}

#endif

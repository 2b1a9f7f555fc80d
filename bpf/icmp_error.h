/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Makes an ICMP error of a rejected packet. The packet itself becomes the error, in one step, so
 * that no routing rule, packet mark or netfilter rule can forward it unchanged. A packet that
 * cannot become one is dropped.
 */
#ifndef EROUTE_ICMP_ERROR_H
#define EROUTE_ICMP_ERROR_H

#include "abi.h"
#include "hash.h"
#include "kernel.h"
#include "load.h"
#include "maps.h"
#include "net.h"
#include "parse.h"
#include "rate.h"
#include "skb.h"

#define ICMPV6_REDIRECT 137 /* include/net/ndisc.h */

/* ICMPv4 types that are not errors: echo, timestamp, information, address mask (RFC 792, 950). */
#define ICMP_INFO_TYPES (1 << 0 | 1 << 8 | 0x3f << 13)

/* Maximum length of an ICMP error: RFC 1812 section 4.3.2.3, RFC 4443 section 2.4 (c). */
#define ICMP_ERROR_MAX4 576
#define ICMP_ERROR_MAX6 1280

/* Rate limits, as the kernel's: the burst for one sender, and burst and interval (ns) for all. */
#define SENDER_BURST 6
#define ALL_BURST 50
#define ALL_INTERVAL (1000000000 / 1000)

struct icmp_error4 {
	struct iphdr ip;
	struct icmp icmp;
};

struct icmp_error6 {
	struct ipv6hdr ip;
	struct icmp icmp;
};

/* The path back to the sender: output interface and source address. */
struct return_path {
	__u32 ifindex;
	__u8 src[16] ALIGNED;
};

/* Reports whether the source is no unicast address. */
static __always_inline int has_no_sender(const struct packet *p)
{
	if (p->family == AF_INET)
		return p->src[0] == 0 || p->src[0] == 127 || p->src[0] >= 224;
	return p->src[0] == 0 || p->src[0] == 0xff;
}

/* Reports whether a packet never causes an ICMP error: RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e). */
static __always_inline int is_never_answered(struct __sk_buff *skb, __u32 l3,
					     const struct packet *p)
{
	__u8 type;

	if (p->fragment == LATER_FRAGMENT || has_no_sender(p))
		return 1;
	if (p->family == AF_INET) {
		if (p->dst[0] >= 224)
			return 1;
		if (p->proto != IPPROTO_ICMP)
			return 0;
		if (p->l4 >= p->len || bpf_skb_load_bytes(skb, l3 + p->l4, &type, 1))
			return 1;
		return type > 18 || !(ICMP_INFO_TYPES & 1 << type);
	}
	if (p->dst[0] == 0xff || !p->l4) /* a chain whose protocol is unknown */
		return 1;
	if (p->proto != IPPROTO_ICMPV6)
		return 0;
	if ((p->len && p->l4 >= p->len) || bpf_skb_load_bytes(skb, l3 + p->l4, &type, 1))
		return 1;
	return type < 128 || type == ICMPV6_REDIRECT;
}

/* Jiffies between two errors to a sender, from the kernel's own settings; 0: no limit. */
static __always_inline __u32 sender_interval(struct net *net, __u8 family)
{
	if (family == AF_INET) {
		if (!bpf_core_field_exists(net->ipv4.sysctl_icmp_ratemask))
			return 0;
		return net->ipv4.sysctl_icmp_ratemask & 1 << ICMP_DEST_UNREACH
			       ? net->ipv4.sysctl_icmp_ratelimit
			       : 0;
	}
	if (!bpf_core_field_exists(net->ipv6.sysctl.icmpv6_ratemask))
		return 0;
	return net->ipv6.sysctl.icmpv6_ratemask[0] & 1 << ICMPV6_DEST_UNREACH
		       ? net->ipv6.sysctl.icmpv6_time
		       : 0;
}

/*
 * The rate limiter of a sender. It belongs to the last sender with its hash, so a flood from many
 * addresses exhausts only the limit of all senders.
 */
static __always_inline __u64 *sender_rate(const struct packet *p, const struct table_meta *meta)
{
	__u64 sum = hash_address6(p->src, meta->keys) + p->family;
	__u64 sender = spread(sum, meta->factors[0]);
	__u32 slot = sender / (~0ULL / REJECT_SENDERS + 1);
	struct reject_rate *rate = bpf_map_lookup_elem(&eroute_reject_rates, &slot);

	if (!rate)
		return NULL;
	if (rate->sender != sender) {
		rate->next = 0;
		rate->sender = sender;
	}
	return &rate->next;
}

/* Reports whether the rate limits allow an ICMP error to the packet's sender now. */
static __noinline int rate_allows_error(struct __sk_buff *skb, const struct packet *p)
{
	__u32 zero = 0, all = REJECT_SENDERS,
	      interval = sender_interval(net_of(skb, HOOK_TC), p->family);
	struct table_meta *meta = bpf_map_lookup_elem(&eroute_meta, &zero);
	struct reject_rate *rate = bpf_map_lookup_elem(&eroute_reject_rates, &all);
	__u64 *next;

	if (!meta || !rate)
		return 0;
	if (!interval)
		return 1;
	next = sender_rate(p, meta);
	return next &&
	       rate_allow(next, 0, interval, (__u64)SENDER_BURST * interval, bpf_jiffies64()) &&
	       rate_allow(&rate->next, 0, ALL_INTERVAL, ALL_BURST * ALL_INTERVAL,
			  bpf_ktime_get_ns());
}

/* Reports whether a packet arrived encrypted. */
static __always_inline int was_encrypted(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);

	if (!bpf_core_field_exists(kernel->active_extensions) ||
	    !bpf_core_enum_value_exists(enum skb_ext_id, SKB_EXT_SEC_PATH))
		return 0;
	return kernel->active_extensions >> bpf_core_enum_value(enum skb_ext_id, SKB_EXT_SEC_PATH) &
	       1;
}

struct physical_search {
	__u32 ifindex;
	__u32 found;
};

static long is_physical_of(void *map, const __u32 *key, const struct device_words *dev,
			   struct physical_search *search)
{
	if ((__u32)dev->physical != search->ifindex)
		return 0;
	search->found = 1;
	return 1;
}

/* Reports whether an interface is the physical device of an ipsec device. */
static __always_inline int is_physical(__u32 ifindex)
{
	struct physical_search search = { .ifindex = ifindex };

	bpf_for_each_map_elem(&eroute_devices, is_physical_of, &search, 0);
	return search.found;
}

static __always_inline long return_path_lookup(struct __sk_buff *skb, const struct packet *p,
					       struct fib_params *fib, __u32 ifindex, __u32 flags)
{
	__builtin_memset(fib, 0, sizeof(*fib));
	fib->family = p->family;
	fib->ifindex = ifindex;
	fib->l4_protocol = p->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	__builtin_memcpy(fib->dst, p->src, 16);
	return fib_lookup(skb, fib, flags | FIB_SKIP_NEIGH | FIB_SRC);
}

/*
 * Finds the return path of a packet that arrived on came (0: a local packet): back through that
 * interface, else the route of a packet that arrives on ifindex. Returns 0, or -1 if there is none,
 * or if the error, which quotes the packet, would disclose it: in clear if the packet arrived
 * encrypted, or in clear through a physical device.
 */
static __noinline int find_return_path(struct __sk_buff *skb, const struct packet *p, __u32 came,
				       __u32 ifindex, struct return_path *to)
{
	struct fib_params fib;
	long ret = -1;

	if (came)
		ret = return_path_lookup(skb, p, &fib, came, FIB_OUTPUT);
	if (ret != FIB_SUCCESS)
		ret = return_path_lookup(skb, p, &fib, ifindex, 0);
	if (ret == FIB_NOT_FWDED) { /* a local address, or no route to it */
		to->ifindex = LOOPBACK_IFINDEX;
		__builtin_memcpy(to->src, p->src, 16);
		return 0;
	}
	if (ret != FIB_SUCCESS)
		return -1;
	to->ifindex = fib.ifindex;
	__builtin_memcpy(to->src, fib.src, 16);
	if (bpf_map_lookup_elem(&eroute_devices, &fib.ifindex)) /* the table decides there */
		return 0;
	if (was_encrypted(skb))
		return -1;
	return fib.ifindex != came && is_physical(fib.ifindex) ? -1 : 0;
}

static __always_inline __u16 fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Adds the packet's bytes to a checksum, up to the length of an ICMP error. */
static __noinline __u32 add_bytes(struct __sk_buff *skb, __u32 from, __u32 len, __u32 sum)
{
	__u8 chunk[64] ALIGNED;

	for (int i = 0; i < ICMP_ERROR_MAX6 / sizeof(chunk); i++) {
		__u32 rest = len & (sizeof(chunk) - 1);

		if (len >= sizeof(chunk)) {
			if (bpf_skb_load_bytes(skb, from, chunk, sizeof(chunk)))
				break;
			sum = bpf_csum_diff(NULL, 0, (void *)chunk, sizeof(chunk), sum);
			from += sizeof(chunk);
			len -= sizeof(chunk);
			continue;
		}
		__builtin_memset(chunk, 0, sizeof(chunk));
		barrier_var(rest);
		if (rest && !bpf_skb_load_bytes(skb, from, chunk, rest))
			sum = bpf_csum_diff(NULL, 0, (void *)chunk, sizeof(chunk), sum);
		break;
	}
	return fold(sum);
}

/*
 * Trims a packet to the quotation and returns its checksum, or -1. If the device is to fill in the
 * packet's own checksum, all that that checksum covers will add up to the inverse of the value that
 * is in its place now.
 */
static __noinline long trim_to_quote(struct __sk_buff *skb, __u32 l3, __u32 len)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);
	__u32 at;
	__u16 place;

	if (bpf_skb_change_tail(skb, l3 + len, 0)) /* not into a checksum to be filled in */
		return -1;
	if (BPF_CORE_READ_BITFIELD(kernel, ip_summed) != CHECKSUM_PARTIAL)
		return add_bytes(skb, l3, len, 0);
	at = kernel->csum_start - kernel->network_header;
	if (at > len || (bpf_core_field_exists(kernel->csum_not_inet) &&
			 BPF_CORE_READ_BITFIELD(kernel, csum_not_inet)))
		return -1;
	if (bpf_skb_load_bytes(skb, l3 + at + kernel->csum_offset, &place, sizeof(place)))
		return -1;
	return add_bytes(skb, l3, at, (__u16)~place);
}

static __always_inline int push_header4(struct __sk_buff *skb, __u32 l3, __u32 len, __u32 sum,
					const struct packet *p, const struct return_path *to)
{
	struct icmp_error4 head = {
		.ip.version = 4,
		.ip.ihl = sizeof(struct iphdr) / 4,
		.ip.tos = (p->tos & 0x1e) | 0xc0, /* internetwork control, as the kernel does */
		.ip.tot_len = bpf_htons(sizeof(head) + len),
		.ip.id = bpf_get_prandom_u32(),
		.ip.ttl = 64,
		.ip.protocol = IPPROTO_ICMP,
		.icmp.type = ICMP_DEST_UNREACH,
		.icmp.code = ICMP_PKT_FILTERED,
	};

	__builtin_memcpy(&head.ip.saddr, to->src, 4);
	__builtin_memcpy(&head.ip.daddr, p->src, 4);
	head.ip.check = ~fold(bpf_csum_diff(NULL, 0, (void *)&head.ip, sizeof(head.ip), 0));
	head.icmp.check = ~fold(bpf_csum_diff(NULL, 0, (void *)&head.icmp, sizeof(head.icmp), sum));
	return bpf_skb_store_bytes(skb, l3, &head, sizeof(head), BPF_F_RECOMPUTE_CSUM);
}

static __always_inline int push_header6(struct __sk_buff *skb, __u32 l3, __u32 len, __u32 sum,
					const struct packet *p, const struct return_path *to)
{
	struct {
		__u8 src[16];
		__u8 dst[16];
		__be32 len;
		__be32 next;
	} pseudo = {
		.len = bpf_htonl(sizeof(struct icmp) + len),
		.next = bpf_htonl(IPPROTO_ICMPV6),
	};
	struct icmp_error6 head = {
		.ip.version = 6,
		.ip.payload_len = bpf_htons(sizeof(head.icmp) + len),
		.ip.nexthdr = IPPROTO_ICMPV6,
		.ip.hop_limit = 64,
		.icmp.type = ICMPV6_DEST_UNREACH,
		.icmp.code = ICMPV6_ADM_PROHIBITED,
	};

	__builtin_memcpy(pseudo.src, to->src, 16);
	__builtin_memcpy(pseudo.dst, p->src, 16);
	__builtin_memcpy(&head.ip.saddr, to->src, 16);
	__builtin_memcpy(&head.ip.daddr, p->src, 16);
	sum = bpf_csum_diff(NULL, 0, (void *)&pseudo, sizeof(pseudo), sum);
	head.icmp.check = ~fold(bpf_csum_diff(NULL, 0, (void *)&head.icmp, sizeof(head.icmp), sum));
	return bpf_skb_store_bytes(skb, l3, &head, sizeof(head), BPF_F_RECOMPUTE_CSUM);
}

/* The length of the quotation. */
static __always_inline __u32 quoted_len(struct __sk_buff *skb, __u32 l3, const struct packet *p)
{
	__u32 most = p->family == AF_INET ? ICMP_ERROR_MAX4 - sizeof(struct icmp_error4)
					  : ICMP_ERROR_MAX6 - sizeof(struct icmp_error6);
	__u32 len = skb->len - l3;

	if (p->len && p->len < len)
		len = p->len; /* the rest is padding */
	return len < most ? len : most;
}

/* Puts the headers of the ICMP error before the quotation. Returns 0, or -1. */
static __noinline int push_header(struct __sk_buff *skb, __u32 l3, __u32 sum,
				  const struct packet *p, const struct return_path *to)
{
	__u32 len = skb->len - l3;
	__u32 head = p->family == AF_INET ? sizeof(struct icmp_error4) : sizeof(struct icmp_error6);

	if (bpf_skb_adjust_room(skb, head, BPF_ADJ_ROOM_MAC, 0))
		return -1;
	bpf_set_hash_invalid(skb);
	return p->family == AF_INET ? push_header4(skb, l3, len, sum, p, to)
				    : push_header6(skb, l3, len, sum, p, to);
}

/*
 * Makes an ICMP error of the rejected packet at l3, which arrived on came. Returns its output
 * interface; 0: none is sent, and the packet is to drop.
 */
static __noinline __u32 make_icmp_error(struct __sk_buff *skb, __u32 l3, const struct packet *p,
					__u32 came, __u32 ifindex)
{
	struct return_path to;
	long sum;

	if (is_never_answered(skb, l3, p) || !rate_allows_error(skb, p) ||
	    find_return_path(skb, p, came, ifindex, &to))
		return 0;
	sum = trim_to_quote(skb, l3, quoted_len(skb, l3, p));
	return sum < 0 || push_header(skb, l3, sum, p, &to) ? 0 : to.ifindex;
}

#endif

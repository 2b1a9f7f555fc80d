/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Headers of the kernel and of libbpf, and declarations that Debian 12's UAPI headers lack. */
#ifndef EROUTE_KERNEL_H
#define EROUTE_KERNEL_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/types.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

#define AF_INET 2
#define AF_INET6 10

#define TCX_NEXT -1
#define TCX_DROP 2

#define CHECKSUM_PARTIAL 3
#define LOOPBACK_IFINDEX 1

#define IPPROTO_HIP 139
#define IPPROTO_SHIM6 140

#define SOCK_RAW 3

/* Headers are read in words into aligned memory. */
#define ALIGNED __attribute__((aligned(8)))

struct vlan_tag {
	__be16 tci;
	__be16 proto;
};

static __always_inline int is_vlan_tag(__be16 ethertype)
{
	return ethertype == bpf_htons(ETH_P_8021Q) || ethertype == bpf_htons(ETH_P_8021AD);
}

/* The first eight bytes of an IPv6 extension header. */
struct ipv6_ext {
	__u8 next;
	__u8 len; /* in units of 8 bytes, not counting the first 8; reserved in a fragment header */
	__be16 frag_off;
	__be32 data;
};

/* <linux/icmp.h> includes headers of libc. */
struct icmp {
	__u8 type;
	__u8 code;
	__sum16 check;
	__be32 rest;
};

#define ICMP_DEST_UNREACH 3
#define ICMP_PKT_FILTERED 13

/* struct bpf_fib_lookup of Linux 6.10 (include/uapi/linux/bpf.h). */
struct fib_params {
	__u8 family;
	__u8 l4_protocol;
	__be16 sport;
	__be16 dport;
	__u16 tot_len; /* in: 0: no MTU check. out: MTU of the route */
	__u32 ifindex;
	union {
		__u8 tos;
		__be32 flowinfo;
	};
	__u8 src[16];
	__u8 dst[16];
	__u32 tbid;
	union {
		__u32 mark;
		__u8 macs[12];
	};
};

#define FIB_OUTPUT (1U << 1)
#define FIB_SKIP_NEIGH (1U << 2)
#define FIB_SRC (1U << 4)
#define FIB_MARK (1U << 5)
#define FIB_SUCCESS 0
#define FIB_NOT_FWDED 4
#define FIB_FWD_DISABLED 5
#define FIB_NO_NEIGH 7
#define FIB_FRAG_NEEDED 8

#define fib_lookup(ctx, params, flags) \
	bpf_fib_lookup(ctx, (struct bpf_fib_lookup *)(params), sizeof(struct fib_params), flags)

/* net/xfrm/xfrm_interface_bpf.c */
struct bpf_xfrm_info {
	__u32 if_id;
	int link;
};

extern int bpf_skb_set_xfrm_info(struct __sk_buff *skb,
				 const struct bpf_xfrm_info *from) __weak __ksym;

#endif

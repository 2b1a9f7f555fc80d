/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Kernel structs of a packet and its socket, read by CO-RE. */
#ifndef EROUTE_SKB_H
#define EROUTE_SKB_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct net;
struct skb_ext;

typedef struct {
	struct net *net;
} possible_net_t;

struct vlan_group {
	unsigned int nr_vlan_devs;
};

struct vlan_info {
	struct vlan_group grp;
};

struct list_head {
	struct list_head *next;
};

struct l3mdev_ops;

struct net_device {
	char name[16];
	struct {
		struct list_head upper;
	} adj_list;
	const struct l3mdev_ops *l3mdev_ops; /* of a VRF */
	int ifindex;
	possible_net_t nd_net;
	void *rx_handler;
	struct vlan_info *vlan_info;
	void *tcx_egress;
	unsigned long priv_flags : 32; /* a whole word before Linux 6.12 */
};

struct dst_entry {
	struct net_device *dev;
	void *xfrm;
};

struct xfrm_policy {
	__u8 action;
	__u8 xfrm_nr; /* number of templates */
};

struct sock_common {
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
	struct xfrm_policy *sk_policy[2];
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	char cb[48];
	unsigned long _nfct;
	int skb_iif;
	__u8 active_extensions;
	struct skb_ext *extensions;
	__u8 ip_summed : 2;
	__u8 csum_not_inet : 1;
	__u16 csum_start;
	__u16 csum_offset;
	__u16 network_header;
	__u16 mac_header;
};

/* The contents of sk_buff.cb while IP has the packet. */
struct inet_skb_parm {
	__u16 flags;
};

struct inet6_skb_parm {
	__u16 flags;
};

#pragma clang attribute pop

extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym;

/* The offset of the IP header from the beginning of the frame: 0 on devices without link-layer headers. */
static __always_inline __u32 network_offset(struct __sk_buff *skb)
{
	struct sk_buff *kernel = bpf_cast_to_kern_ctx(skb);

	return (__u16)(kernel->network_header - kernel->mac_header);
}

#define SKB_DST_NOREF 1UL /* include/linux/skbuff.h */

/* The route of a packet, for reading only; NULL: it has none. */
static __always_inline const struct dst_entry *route_of(const struct sk_buff *kernel)
{
	unsigned long dst;

	if (!bpf_core_field_exists(kernel->_skb_refdst))
		return NULL;
	dst = kernel->_skb_refdst & ~SKB_DST_NOREF;
	return dst ? bpf_rdonly_cast((void *)dst, bpf_core_type_id_kernel(struct dst_entry)) : NULL;
}

#endif

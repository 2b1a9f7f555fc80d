/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The source that a packet had before NAT, from its connection (net/netfilter/nf_conntrack_core.c). */
#ifndef EROUTE_TRANSLATED_H
#define EROUTE_TRANSLATED_H

#include <bpf/bpf_core_read.h>
#include "kernel.h"
#include "parse.h"
#include "skb.h"

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

union nf_inet_addr {
	__u32 all[4];
};

union nf_conntrack_man_proto {
	__be16 all;
};

struct nf_conntrack_man {
	union nf_inet_addr u3;
	union nf_conntrack_man_proto u;
};

struct nf_conntrack_tuple {
	struct nf_conntrack_man src;
};

struct nf_conntrack_tuple_hash {
	struct nf_conntrack_tuple tuple;
};

struct nf_conn {
	struct nf_conntrack_tuple_hash tuplehash[2]; /* of the first packet, and of its reply */
};

#pragma clang attribute pop

/* sk_buff._nfct: a pointer, and enum ip_conntrack_info in its low bits. */
#define NFCT_INFO 7UL
#define IP_CT_IS_REPLY 3

/*
 * Gives a packet the source that it had when it arrived, or was sent by its socket. Returns 0 if NAT has not
 * changed it.
 */
static __noinline int restore_source(const struct sk_buff *kernel, struct packet *p)
{
	struct nf_conntrack_man man;
	struct nf_conn *connection;
	__u32 *src = (__u32 *)p->src;
	unsigned long nfct;
	int changed = 0;

	if (!bpf_core_field_exists(kernel->_nfct) || !bpf_core_type_exists(struct nf_conn))
		return 0;
	nfct = kernel->_nfct;
	connection = (void *)(nfct & ~NFCT_INFO);
	if (!connection)
		return 0;
	if ((nfct & NFCT_INFO) >= IP_CT_IS_REPLY)
		BPF_CORE_READ_INTO(&man, connection, tuplehash[1].tuple.src);
	else
		BPF_CORE_READ_INTO(&man, connection, tuplehash[0].tuple.src);
	for (int i = 0; i < 4; i++) {
		if (i && p->family == AF_INET)
			break;
		changed |= src[i] != man.u3.all[i];
		src[i] = man.u3.all[i];
	}
	if (changed && p->sport)
		p->sport = man.u.all;
	return changed;
}

#endif

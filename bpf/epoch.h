/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * One number for the versions of table and routes together. Both versions only grow. A CPU that
 * sees other versions than those of the epoch starts the next epoch.
 */
#ifndef EROUTE_EPOCH_H
#define EROUTE_EPOCH_H

#include "abi.h"
#include "cache.h"
#include "kernel.h"
#include "load.h"
#include "maps.h"
#include "barrier.h"
#include "routes.h"

static __always_inline __u64 epoch_number(const struct epoch *e)
{
	return READ_ONCE(e->number);
}

static __noinline void begin_epoch(void *ctx, const enum hook hook, struct epoch *e, __u64 table)
{
	__u64 number = epoch_number(e);

	if ((number & 1) || __sync_val_compare_and_swap(&e->number, number, number + 1) != number)
		return; /* another CPU starts it */
	e->table = table;
	e->routes[0] = routes_version(ctx, hook, AF_INET);
	e->routes[1] = routes_version(ctx, hook, AF_INET6);
	__sync_lock_test_and_set(&e->number, number + 2);
}

/*
 * The epoch under which results can be cached for a packet's family; 0: none, as a command writes,
 * the kernel does not expose the version of its routes, or the next epoch starts.
 */
static __always_inline __u64 epoch_now(void *ctx, const enum hook hook,
				       const struct table_meta *meta, __u8 family)
{
	__u64 table = cache_version(meta), routes = routes_version(ctx, hook, family), number;
	__u32 zero = 0;
	struct epoch *e = bpf_map_lookup_elem(&eroute_epoch, &zero);
	int same;

	if (!e || !table || !routes)
		return 0;
	number = epoch_number(e);
	read_barrier();
	same = READ_ONCE(e->table) == table && READ_ONCE(e->routes[family != AF_INET]) == routes;
	read_barrier();
	if (same && !(number & 1) && epoch_number(e) == number)
		return number;
	begin_epoch(ctx, hook, e, table);
	return 0;
}

#endif

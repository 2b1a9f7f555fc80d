/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* From a packet to its eroute: one of the table, or a flow that takes precedence. */
#ifndef EROUTE_CLASSIFY_H
#define EROUTE_CLASSIFY_H

#include "abi.h"
#include "flow.h"
#include "kernel.h"
#include "maps.h"
#include "parse.h"
#include "table.h"

/*
 * Matches a packet against the active table and the flows of traps. Returns 0, or -1 if the table
 * is missing or changes all the time: the caller drops the packet.
 */
static __always_inline int classify(const struct packet *p, struct match *m)
{
	__u32 zero = 0;
	struct relay *relay = bpf_map_lookup_elem(&eroute_relay, &zero);

	__builtin_memset(&m->v, 0, sizeof(m->v));
	m->flow = NULL;
	m->key.generation = 0;
	if (!relay || table_lookup(p, &m->v, &m->key.generation))
		return -1;
	return relay->flow_tuples ? match_flow(p, relay->flow_tuples, m) : 0;
}

#endif

/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Answers to the packets seen last, by all that selectors compare: what the table said, and
 * what the fast path did (early.h).
 *
 * An answer is kept under the version that was read before it was looked for, and used
 * only under the same. A command raises table_meta.version before its first change of the
 * table that packets meet and clears writing after its last one: until then nothing is used or kept.
 *
 * Packets that come once, as somebody may send who wants the gateway to be busy, find no answer and need
 * none kept: to ask and keep costs as much as the index does. So a CPU that has asked in vain for long
 * enough asks for a few packets only, until it finds an answer.
 *
 * All CPUs share the answers: seq is odd while one is written, and has changed after. What they say
 * is packed into few bits: how many answers the CPU's caches hold is what traffic of many flows costs.
 */
#ifndef EROUTE_CACHE_H
#define EROUTE_CACHE_H

#include "maps.h"
#include "parse.h"
#include "hash.h"
#include "order.h"

/* Where parts of struct answer's words begin, and end. */
#define ANSWER_MORE_AT 41
#define ANSWER_SEQ_AT 48
#define VERSION_BITS 48
#define VERSION_MASK ((1ULL << VERSION_BITS) - 1)
#define REST_MASK ((1ULL << ANSWER_MORE_AT) - 1)
#define SEQ_ONE (1ULL << ANSWER_SEQ_AT)
#define SEQ_MASK (~(SEQ_ONE - 1))
#define MORE_MASK ((1ULL << (ANSWER_SEQ_AT - ANSWER_MORE_AT)) - 1)

_Static_assert(EROUTE_MAX <= 1 << 24 && EROUTE_MAX_SAS <= 1 << 24,
	       "an answer has 24 bits for them");

/* An answer, packed. */
struct noted {
	__u64 what;
	__u32 more; /* 23 bits */
};

/* What of a packet is compared beside its addresses. */
static __always_inline __u64 rest_of(const struct packet *p, __u8 later_fragment)
{
	return p->sport | (__u64)p->dport << 16 | (__u64)p->proto << 32 |
	       (__u64)later_fragment << 40;
}

/* Whose answers: of the table, of the fast path. */
enum answers_of {
	OF_TABLE,
	OF_FAST_PATH,
};

/* How many packets of a family in a row had no answer on this CPU. */
static __always_inline __u32 *unanswered(enum answers_of of, __u8 family)
{
	__u32 which = 2 * of + (family != AF_INET);

	return bpf_map_lookup_elem(&eroute_unanswered, &which);
}

/* Whether to look for a packet's answer, and to keep one. */
static __always_inline int may_be_answered(__u32 *unanswered)
{
	if (!unanswered)
		return 0;
	return *unanswered < CACHE_PATIENCE || !(++*unanswered % CACHE_SAMPLE);
}

/* Notes whether a packet had an answer. Returns found. */
static __always_inline int note_answered(__u32 *unanswered, int found)
{
	if (!found && *unanswered < CACHE_PATIENCE)
		++*unanswered;
	if (found && *unanswered)
		*unanswered = 0;
	return found;
}

/* The version whose answers can be used and kept now; 0: none. */
static __always_inline __u64 cache_version(const struct table_meta *meta)
{
	__u64 version = READ_ONCE(meta->version);

	read_barrier();
	return READ_ONCE(meta->writing) == WRITING_TABLE ? 0 : version;
}

#define BITS 32
#define SHEET_BITS CACHE_SHEET_BITS4
#define FAMILY(name) name##4
#include "cache_family.h"

#define BITS 128
#define SHEET_BITS CACHE_SHEET_BITS6
#define FAMILY(name) name##6
#include "cache_family.h"

/* The same, of the packet's family. */
static __always_inline int recall(void *sheets4, void *sheets6, const struct packet *p, __u64 rest,
				  const struct table_meta *meta, __u64 version, struct noted *n)
{
	return p->family == AF_INET ? recall4(sheets4, p, rest, meta, version, n)
				    : recall6(sheets6, p, rest, meta, version, n);
}

static __always_inline void remember(void *sheets4, void *sheets6, const struct packet *p,
				     __u64 rest, const struct table_meta *meta, __u64 version,
				     const struct noted *n)
{
	if (p->family == AF_INET)
		remember4(sheets4, p, rest, meta, version, n);
	else
		remember6(sheets6, p, rest, meta, version, n);
}

static __noinline int recall_verdict(const struct packet *p, const struct table_meta *meta,
				     __u64 version, struct verdict *v)
{
	struct noted n;

	if (!recall(&eroute_cache4, &eroute_cache6, p, rest_of(p, 0), meta, version, &n))
		return 0;
	v->id = n.what;
	v->sa = n.what >> 32 & 0xffffff;
	v->action = n.what >> 56 & 7;
	v->shape = n.what >> 59 & 7;
	v->src_prefixlen = n.more;
	v->dst_prefixlen = n.more >> 8;
	return 1;
}

static __noinline void remember_verdict(const struct packet *p, const struct table_meta *meta,
					__u64 version, const struct verdict *v)
{
	struct noted n = {
		.what = v->id | (__u64)v->sa << 32 | (__u64)v->action << 56 | (__u64)v->shape << 59,
		.more = v->src_prefixlen | (__u32)v->dst_prefixlen << 8,
	};

	remember(&eroute_cache4, &eroute_cache6, p, rest_of(p, 0), meta, version, &n);
}

#endif

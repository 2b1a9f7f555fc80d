/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Flows of traps, and the events about them that the relay reads. */
#ifndef EROUTE_ABI_FLOWS_H
#define EROUTE_ABI_FLOWS_H

#include <linux/types.h>

#include "abi_table.h"

/*
 * The key of a trap's flow: a selector. A flow takes precedence over an eroute of the table with
 * the same selector. Ports are in network byte order.
 */
struct flow_key {
	__u32 generation; /* of the table; the flow ends with it */
	__u8 family;
	__u8 proto;
	__u8 src_prefixlen;
	__u8 dst_prefixlen;
	__be16 sport;
	__be16 dport;
	__u8 src[16];
	__u8 dst[16];
};

/*
 * A flow of a trap. The kernel reuses the memory of a deleted flow at once, while a program may
 * still read it. So flow_read() reads the members before the seal and checks them against it, and
 * each word after it that programs change carries the low bits of the serial, see owned.h.
 */
struct flow {
	struct eroute_value entry; /* ACT_HOLD without an id, or the eroute to the SA */
	__u32 device;              /* ifindex of the ipsec device */
	__u32 trap;                /* eroute_value.id of the trap */
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 pad;
	__u64 serial;       /* unique among all flows ever, never 0 */
	__u64 relay_until;  /* CLOCK_MONOTONIC, ns: until then the relay sends its packets */
	__u64 seal;         /* flow_seal() */
	__u64 packets;      /* owned: of the hold; with an SA packets count by entry.id */
	__u64 bytes;        /* owned */
	__u64 last;         /* owned, CLOCK_MONOTONIC in ticks: the last packet while held */
	__u64 next;         /* owned, see rate_allow() */
	__u64 last_acquire; /* CLOCK_MONOTONIC, ns */
};

/* Shared by the relay and the programs; the relay maps it into its memory. */
struct relay {
	__u64 alive_until;   /* CLOCK_MONOTONIC, ns: the relay's heartbeat expires */
	__u64 trap_interval; /* ns between two ACQUIREs of a trap, on average */
	__u64 next;          /* owned, see rate_allow(); of %hold eroutes of the table */
	__u64 last_serial;   /* flow.serial of the newest flow */
	__u32 flow_tuples;   /* bitmap of the tuples that flows ever had */
	__u32 pad;
};

enum event_kind {
	EVENT_ACQUIRE = 1, /* the first packet of a hold: send an ACQUIRE */
	EVENT_HELD,        /* a packet that matched a hold */
	EVENT_GAP,         /* a packet of a flow whose SA is absent, or was replaced a moment ago */

	/* From commands: how a hold ended. No event about it follows. */
	EVENT_RELEASED, /* its eroute was replaced; its packets are matched again */
	EVENT_FREED,    /* its eroute was deleted */
	EVENT_CLEARED,  /* all eroutes were deleted */
};

/* A record of the ring buffer. The packet follows, from its IP header on. */
struct event {
	__u64 time;   /* CLOCK_MONOTONIC, ns */
	__u64 serial; /* flow.serial; 0: a %hold of the table */
	struct flow_key flow;
	__u32 kind;
	__u32 device; /* ifindex of the ipsec device */
	__u32 len;    /* bytes of the packet; 0: it was not kept */
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 pad[5];
};

#endif

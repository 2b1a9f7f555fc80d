/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What the kernel programs and the Go side agree on: keys, values, constants. */
#ifndef EROUTE_ABI_H
#define EROUTE_ABI_H

#include <linux/types.h>

enum limits {
	/*
	 * Part of the pin path, with a digest of all types and maps that are pinned (pkg/maps/layout.go). Raised
	 * by hand when the meaning of a value changes and its type does not.
	 */
	EROUTE_LAYOUT = 10,

	/* Two generations of the table exist while it is being exchanged as a whole. */
	EROUTE_GENERATIONS = 2,

	/* Entries of an LPM trie at the most; the limit in force is table_meta.limit. */
	EROUTE_MAX = 16777216,
	EROUTE_DEFAULT_LIMIT = 1000000,

	/*
	 * Counters lie in blocks, those of so many eroutes on one CPU, and these in chunks of 1.5 MB,
	 * made for eroutes that exist. There are so many chunks at the most, times the possible CPUs.
	 */
	COUNTER_BLOCK = 128,
	COUNTER_CHUNK_BLOCKS = 512,
	COUNTER_CHUNKS = EROUTE_MAX / COUNTER_BLOCK / COUNTER_CHUNK_BLOCKS,

	/* Where the tick begins in counters.packets, and how many bits of jiffies it leaves out. */
	COUNTER_TICK_AT = 48,
	COUNTER_TICK_SHIFT = 6,

	/* Security Associations with an eroute, at the most. */
	EROUTE_MAX_SAS = 262144,

	/* SA slot n owns if_id IF_ID_BASE + n: how our XFRM policies are recognised. */
	IF_ID_BASE = 0x65000000,

	/*
	 * __sk_buff.tc_index of the answer to a rejected packet, on its way from the ipsec device's egress to
	 * its ingress; __sk_buff.mark is the interface that it is to leave by.
	 */
	REJECT_REPLY = 0x6575,

	/* Slots for the rates of answers, by a hash of the sender's address. */
	REJECT_SENDERS = 4096,

	/* Routing table with the IPv6 routes through the physical device. */
	PASS_TABLE = 0x65720a55,

	/* Routing table that leads IPv6 packets out of the detour device, where that is demanded. */
	DETOUR_TABLE = 0x65720de7,

	/* IPv6 extension headers followed at the most; a longer chain has protocol 0. */
	MAX_EXT_HEADERS = 8,

	/* Flows of traps at the most: held, or answered by an SA. */
	EROUTE_MAX_FLOWS = 262144,

	/* Traps whose rate of ACQUIREs is kept at the same time. */
	TRAP_RATES = 16384,

	/* Bytes of the ring buffer to the relay; a power of two. */
	EVENTS_SIZE = 4194304,

	/* A packet takes as little of the ring buffer as it fits in; larger ones are not kept. */
	EVENT_SMALL = 256,
	EVENT_MEDIUM = 2048,
	EVENT_LARGE = 9216,

	/*
	 * How full the ring buffer may be for a held packet, for a command's message, and for an ACQUIRE of a
	 * trap that has used half of its burst: the rest is for the ACQUIREs of the other traps.
	 */
	EVENTS_HELD = EVENTS_SIZE / 2,
	EVENTS_NOTIFY = EVENTS_SIZE / 4 * 3,
	EVENTS_BUSY_TRAP = EVENTS_SIZE / 4 * 3,
	TRAP_BUSY = 500000000,

	/* Packets of one hold that go to the relay: one in this many ns, and a second's worth at once. */
	HELD_INTERVAL = 10000000,

	/*
	 * Answers that are remembered lie in sets of eight, and these in chunks of 2 MB. A family has 2 to the
	 * power of table_meta.cache_bits sets: a chunk while it has no eroutes, then more as it gets more.
	 */
	CACHE_WAYS = 8,
	CACHE_CHUNK_BITS4 = 13,
	CACHE_CHUNK_BITS6 = 12,
	CACHE_MIN_BITS = 15,
	CACHE_MAX_CHUNKS_BITS = 6,

	/*
	 * Once so many packets in a entry had no answer, a CPU asks for those of one in so many others only, a
	 * power of 2, until one has.
	 */
	CACHE_PATIENCE = 64,
	CACHE_SAMPLE = 16,

	/* Interfaces below this number are found without a hash look-up, if their frames have no tag. */
	INGRESS_PORTS = 1024,

	/* See hash.h. */
	HASH_KEYS = 22,

	/* Bits of a entry's key before its destination. */
	KEY4_FIXED_BITS = 96,
	KEY6_FIXED_BITS = 192,

	/* The index, see index.h: slots of a group, and the groups that an entry may be in. */
	INDEX_SLOTS = 7,
	INDEX_MAX_PROBES = 24,

	/* Its lines lie in chunks of 2 MB. An index has so many at the most. */
	INDEX_CHUNK_LINES = 32768,
	INDEX_CHUNKS = 2048,

	/*
	 * Bits of an address's block that has a filter cell of its own. Kinds are known of smaller
	 * blocks, too, in steps of so many bits.
	 */
	INDEX_BLOCK4 = 16,
	INDEX_BLOCK6 = 48,
	INDEX_STEP4 = 4,
	INDEX_STEP6 = 8,
	INDEX_SMALLEST4 = 24,
	INDEX_SMALLEST6 = 64,

	/*
	 * Words of kinds in a line. They have lengths of prefixes in the lowest bits, then tuples, then, of a
	 * source, a bit for each hash of a block with destinations.
	 */
	INDEX_SUMMARIES = 7,
	INDEX_TUPLES_AT = 42,
	INDEX_BLOCKS_AT = 48,
};

/* What an eroute does to a packet. Never 0, so that an empty value is no action. */
enum eroute_action {
	ACT_SA = 1,
	ACT_PASS,
	ACT_DROP,
	ACT_REJECT,
	ACT_HOLD,
	ACT_TRAP,
	ACT_TRAPSUBNET,
};

/*
 * The selector's tuple: which of protocol and ports it names, most specific first.
 * A set of tuples is a bitmap, 1 << tuple.
 */
enum eroute_tuple {
	TUPLE_SPORT_DPORT,
	TUPLE_SPORT,
	TUPLE_DPORT,
	TUPLE_PROTO,
	TUPLE_ANY,
	TUPLES,
};

/* Where a packet ended; a counter each. Names shown to the user are in pkg/maps. */
enum reason {
	REASON_SA,            /* handed to XFRM with the SA's if_id */
	REASON_PASS,          /* sent in clear by a %pass eroute */
	REASON_IKE,           /* the gateway's own key exchange, sent in clear */
	REASON_NO_EROUTE,     /* dropped: no eroute matches */
	REASON_DROP,          /* dropped: %drop */
	REASON_REJECT,        /* dropped: %reject, sender told as far as the limits allow */
	REASON_HOLD,          /* kept: given to the relay */
	REASON_TRAP,          /* kept: %trap or %trapsubnet; a hold was made, the relay told */
	REASON_SA_MISSING,    /* dropped: the SA is absent, larval or dead */
	REASON_NO_XFRM,       /* dropped: SA eroute, but the kernel has no XFRM interfaces */
	REASON_NOT_IP,        /* dropped: neither IPv4 nor IPv6, or a header cut short */
	REASON_ERROR,         /* dropped: the kernel refused to mark or redirect the packet */
	REASON_UNCONFIGURED,  /* dropped: table or device state missing */
	REASON_HOLD_NOT_KEPT, /* dropped: %hold, and not given to the relay */
	REASON_TRAP_NO_RELAY, /* dropped: %trap, and no relay runs; no hold was made */
	REASON_TRAP_QUEUE_FULL, /* dropped: %trap, and the ring buffer to the relay is full; no hold was made */
	REASON_TRAP_HOLDS_FULL, /* dropped: %trap, and there is no room for another hold */
	REASON_TRAP_LIMITED,    /* dropped: %trap that asks too often; no hold was made */
	REASON_SA_EXHAUSTED,    /* dropped: the SA's sequence numbers are used up */
	REASONS,
};

struct src_key4 {
	__u32 prefixlen;
	__u8 addr[4];
};

struct src_key6 {
	__u32 prefixlen;
	__u8 addr[16];
};

/* One source prefix that has eroutes: how many of each tuple, fewer than EROUTE_MAX. */
struct src_value {
	__u8 prefixlen;       /* tells an exact hit from a covering one */
	__u8 refs[TUPLES][3]; /* the lowest byte first */
};

/*
 * One eroute: everything but the destination is compared exactly, the destination
 * by longest prefix. src_hostbits is 32 or 128 less the prefix length.
 * Ports are in network byte order.
 */
struct eroute_key4 {
	__u32 prefixlen;
	__u8 src[4];
	__u8 src_hostbits;
	__u8 proto;
	__be16 sport;
	__be16 dport;
	__u8 pad[2]; /* dst is aligned */
	__u8 dst[4];
};

struct eroute_key6 {
	__u32 prefixlen;
	__u8 src[16];
	__u8 src_hostbits;
	__u8 proto;
	__be16 sport;
	__be16 dport;
	__u8 pad[2];
	__u8 dst[16];
};

struct eroute_value {
	__u32 id; /* its counters */
	__u32 sa; /* slot in sas, which tells the SAID; 0 for a magic one, which action tells */
	__u8 action;
	__u8 dst_prefixlen; /* tells an exact hit from a covering one */
	__u8 pad[2];
};

/*
 * The index of a family is an array of cache lines: struct index, then filter cells, kinds,
 * groups and slots. A group is a word: a tag for each of its slots, 0 for
 * one that is free, and in the highest byte how many entries had to go on to the next group.
 */
struct index {
	__u32 cells;        /* of the filter, for sources; as many for destinations follow */
	__u32 summaries_at; /* in lines, as all that ends so */
	__u32 summary_lines;
	__u32 slot_groups_at;
	__u32 slots_at;
	__u32 slot_groups;
	__u32 summaries; /* used */
	__u32 slots;     /* used */
	__u32 stale;     /* eroutes deleted since the index was made */
	__u32 pad[3];
	/* Lengths of prefixes too short for a filter cell: of sources, of destinations. */
	__u64 wide_src;
	__u64 wide_dst;
};

/* An eroute in the index: what packets need of it. */
struct index_entry {
	__u32 id;
	__u32 sa;
	__u8 action;
	__u8 pad[3];
};

struct index_slot4 {
	struct eroute_key4 key;
	struct index_entry value;
};

struct index_slot6 {
	struct eroute_key6 key;
	struct index_entry value;
	__u32 pad[2];
};

union index_line {
	__u64 words[8];
	struct index_slot4 slots4[2];
	struct index_slot6 slots6[1];
};

/*
 * What one CPU counts on an eroute with each packet, in few bytes: how many of them the CPU's caches hold
 * is what traffic of many eroutes costs.
 */
struct counters {
	__u64 packets; /* in the lowest COUNTER_TICK_AT bits; above them the tick of the last one, never 0 if there was one */
	__u64 bytes;
};

/*
 * Counters of eroutes with consecutive ids on one CPU: a whole number of cache lines, so that CPUs
 * share none. Those of the same eroutes on the next CPU follow.
 */
struct counter_block {
	struct counters of[COUNTER_BLOCK];
	__u64 last[COUNTER_BLOCK]; /* CLOCK_MONOTONIC, ns: the first packet of the tick; 0: never */
};

/* Whether packets can use a Security Association. */
enum sa_use {
	SA_ABSENT,    /* they drop */
	SA_READY,     /* they are given to XFRM */
	SA_TRANSPORT, /* they are, after the detour, see detour.bpf.c */
	SA_EXHAUSTED, /* they drop: its sequence numbers are used up */
};

/*
 * A Security Association that eroutes name. Its SAID stays as long as they do, whether it is there or not.
 * Two SAIDs can name one state, tun and that of the state's protocol. The state has one if_id, so the second
 * slot borrows the if_id of the first.
 */
struct sa {
	__u32 spi; /* host byte order; its state's, too */
	__u8 proto;
	__u8 family; /* AF_INET or AF_INET6 */
	__u8 use;    /* enum sa_use */
	__u8 pad;
	__u8 edst[16];
	__u32 if_id; /* of its state and policies: IF_ID_BASE + this slot, or what it borrows */
	__u32 borrower; /* IF_ID_BASE + the slot that borrows if_id, valid if that slot has it; 0: none */
};

/* How far a packet has come on the detour, in __sk_buff.tc_index. */
enum detour {
	DETOUR_OUT = 0x6571, /* it has the detour device's route, or is about to */
	DETOUR_DONE,         /* handed to XFRM: what comes out of the device now is wrapped */
};

/*
 * A flow of a trap, by the selector of its eroute: an eroute of its own, which goes
 * before one of the table with the same selector. Ports are in network byte order.
 */
struct flow_key {
	__u32 generation; /* of the table: a flow ends with it */
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
 * The kernel reuses the memory of a deleted flow at once, while a program may still read it. So what comes
 * before the seal is read by flow_read() only, and written with a new seal; the words after it that programs
 * change have the low bits of the serial, see owned.h.
 */
struct flow {
	struct eroute_value
		entry; /* ACT_HOLD, which has no id, or what the trap was answered with */
	__u32 device;  /* ifindex of the ipsec device */
	__u32 trap;    /* eroute_value.id of its trap */
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 pad;
	__u64 serial; /* never another flow's, also not one's of the same selector; never 0 */
	__u64 kept_until; /* CLOCK_MONOTONIC, ns: until then the relay gets its packets, and sends them by the SA */
	__u64 seal;    /* flow_seal() */
	__u64 packets; /* owned: of the hold; with an answer they count by entry.id */
	__u64 bytes;   /* owned */
	__u64 last;    /* owned, CLOCK_MONOTONIC in ticks: its last packet while held */
	__u64 next;    /* owned, see within_rate */
	__u64 asked;   /* CLOCK_MONOTONIC, ns: the last ACQUIRE */
};

/* What the relay and the programs tell each other; the relay has it in its memory. */
struct relay {
	__u64 alive_until;   /* CLOCK_MONOTONIC, ns; it is gone once this has passed */
	__u64 trap_interval; /* ns between two ACQUIREs of a trap, on average */
	__u64 next;          /* see within_rate; of %hold eroutes in the table */
	__u64 last_serial;   /* flow.serial of the newest flow */
	__u32 flow_tuples;   /* tuples that flows have had */
	__u32 pad;
};

enum event_kind {
	EVENT_ACQUIRE = 1, /* a trap's packet: ask, the hold is there */
	EVENT_HELD,        /* a packet that met a hold */
	EVENT_GAP,         /* a packet of an answered flow, whose SA has just gone or come */

	/* From commands: what became of a hold. No event about it follows. */
	EVENT_RELEASED, /* its eroute was replaced: its packets meet the table again */
	EVENT_FREED,    /* its eroute was deleted */
	EVENT_CLEARED,  /* all eroutes were */
};

/* What the ring buffer holds; the packet follows, from its IP header on. */
struct event {
	__u64 time;   /* CLOCK_MONOTONIC, ns */
	__u64 serial; /* of the flow; 0: a %hold of the table */
	struct flow_key flow;
	__u32 kind;
	__u32 device; /* ifindex of the ipsec device */
	__u32 len;    /* of the packet; 0: it was not kept */
	__u8 trap_src_prefixlen;
	__u8 trap_dst_prefixlen;
	__u8 trap_action;
	__u8 pad[5];
};

struct stat {
	__u64 packets;
	__u64 bytes;
};

/* What a command is doing, or was when it was killed: what it left half done is repaired by the next. */
enum writing {
	WRITING_NOTHING,
	WRITING_TABLE,   /* the one that packets meet */
	WRITING_STANDBY, /* another one, to take its place */
	WRITING_COUNTS,  /* none, but numbers of eroutes are out of date */
};

struct table_meta {
	__u32 generation; /* the one packets meet: 0 or 1 */
	__u32 limit;      /* eroutes, both families together */
	__u32 writing;    /* enum writing */
	__u32 pad;
	__u64 version;         /* of the table; raised with writing, never 0 */
	__u64 factors[2];      /* see hash.h: random and odd */
	__u32 keys[HASH_KEYS]; /* see hash.h: random */
	/* Of IPv4, of IPv6: eroutes, and sets of answers as a power of 2. */
	__u32 count[2];
	__u32 cache_bits[2];
};

/* What the table says of a packet. */
struct verdict {
	__u32 id;    /* the eroute's counters */
	__u32 sa;    /* slot in sas */
	__u8 action; /* 0: no eroute matches */
	__u8 src_prefixlen;
	__u8 dst_prefixlen;
	__u8 tuple;
};

/* What the fast path does with a packet. */
enum fastpath_action {
	FASTPATH_CONTINUE, /* to routing, and so to the ipsec device's egress */
	FASTPATH_REPLY,    /* %reject */
	FASTPATH_REJECT,   /* drop without an answer, as of a later fragment */
	FASTPATH_DROP,
	FASTPATH_NO_EROUTE,
};

struct fastpath_result {
	__u32 ifindex; /* the packet came in on */
	__u32 id;      /* the eroute's counters, if one ends the packet */
	__u16 len;     /* so long at the most */
	__u8 tos;
	__u8 action; /* enum fastpath_action */
};

/* The table and the routes that answers of the fast path were found under. */
struct epoch {
	__u64 number;    /* odd while the rest is written; 0: nothing was yet */
	__u64 table;     /* table_meta.version */
	__u64 routes[2]; /* of IPv4, IPv6: routes_version() */
};

/* What is remembered of a packet, but for its addresses. */
struct cache_words {
	/* From the lowest bit: sport, dport, proto, whether it is a later fragment; 7 bits of the answer; seq, odd while it is written. */
	__u64 key_l4;
	__u64 version; /* in 48 bits, of the table, or the epoch's number; 0: empty. 16 bits of the answer */
	__u64 result; /* the answer's other 64 bits */
};

/* Two fill a cache line. */
struct cache_entry4 {
	__u32 src;
	__u32 dst;
	struct cache_words words;
};

/* One fills a cache line. */
struct cache_entry6 {
	__u64 src[2];
	__u64 dst[2];
	struct cache_words words;
	__u64 pad;
};

struct cache_bucket4 {
	struct cache_entry4 way[CACHE_WAYS];
};

struct cache_bucket6 {
	struct cache_entry6 way[CACHE_WAYS];
};

/* How often a sender of rejected packets is told, and all together are. */
struct reject_rate {
	__u64 sender; /* a hash of the address that has this slot */
	__u64 next; /* when the next answer is due: in jiffies, that of all in ns; see take_turn */
};

/* An ipsec device, by ifindex, which is also in the upper half of each word: see find_device(). */
struct device_words {
	__u64 physical; /* ifindex */
	__u64 has_xfrm; /* 0: a plain device, SA eroutes drop */
	__u64 detour;   /* ifindex of the detour device */
};

/* Which interface a frame belongs to that came in on one with these VLAN tags, outermost first. */
struct ingress_key {
	__u32 ifindex;
	__u16 vlan[2];
};

struct ingress {
	__u32 ifindex; /* the interface that routing sees; 0: none */
	__u8 mac[6];   /* only frames to this address are routed */
	__u16 pad;
	__u64 seal; /* ingress_seal() */
};

/* What a lookup program answers in __sk_buff.cb. */
enum lookup_cb {
	LOOKUP_STATUS,     /* enum lookup_status */
	LOOKUP_PREFIXLENS, /* src | dst << 8 */
	LOOKUP_TUPLE,      /* enum eroute_tuple */
	LOOKUP_ID,         /* eroute_value.id */
	LOOKUP_LOCAL_IKE,  /* 1: it is key exchange, and its source may be the gateway's address */
};

enum lookup_status {
	LOOKUP_UNSET,
	LOOKUP_NOT_IP,
	LOOKUP_NONE,
	LOOKUP_FOUND, /* an eroute of the table */
	LOOKUP_FLOW,  /* a flow */
};

#endif

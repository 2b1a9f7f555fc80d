/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The ABI of the kernel programs and Go: keys and values of maps, and constants. */
#ifndef EROUTE_ABI_H
#define EROUTE_ABI_H

#include <linux/types.h>

enum limits {
	/*
	 * Part of the pin path, next to a digest of all pinned types and maps (pkg/layout).
	 * Raise it by hand when the meaning of a value changes and its type does not.
	 */
	EROUTE_LAYOUT = 10,

	/* Two generations of the table exist while --clear or --restore replaces it. */
	EROUTE_GENERATIONS = 2,

	/* Maximum entries of an LPM trie. The limit in force is table_meta.limit. */
	EROUTE_MAX = 16777216,
	EROUTE_DEFAULT_LIMIT = 1000000,

	/*
	 * Counters are in blocks, each for COUNTER_BLOCK eroutes on one CPU. Blocks are in chunks
	 * of 1.5 MB, which are created for eroutes that exist. COUNTER_CHUNKS is the maximum for
	 * one CPU.
	 */
	COUNTER_BLOCK = 128,
	COUNTER_CHUNK_BLOCKS = 512,
	COUNTER_CHUNKS = EROUTE_MAX / COUNTER_BLOCK / COUNTER_CHUNK_BLOCKS,

	/*
	 * The first bit of the tick in counters.packets, and the jiffies of a tick as a power of 2.
	 */
	COUNTER_TICK_AT = 48,
	COUNTER_TICK_SHIFT = 6,

	/* Maximum Security Associations that eroutes name. */
	EROUTE_MAX_SAS = 262144,

	/* In place of a slot: there is no SA; the policies of XFRM select it. */
	NO_SLOT = EROUTE_MAX_SAS,
	SLOT_OF_XFRM,

	/*
	 * Elements of eroute_members, which groups of SAs take in blocks of MEMBERS_BLOCK, a power of
	 * 2 of them; the maximum members of a group.
	 */
	MEMBERS = 2097152,
	MEMBERS_BLOCK = 32,
	GROUP_MAX_MEMBERS = 64,

	/*
	 * SA slot n owns if_id IF_ID_BASE + n. An if_id in this range identifies our XFRM policies.
	 */
	IF_ID_BASE = 0x65000000,

	/*
	 * __sk_buff.tc_index of an ICMP error about a rejected packet, on its way from egress to
	 * ingress of the ipsec device. __sk_buff.mark is its output interface.
	 */
	REJECT_REPLY = 0x6575,

	/* Rate limiters of ICMP errors; a hash of the sender's address selects one. */
	REJECT_SENDERS = 4096,

	/* Routing table: IPv6 routes through the physical device, for %pass. */
	PASS_TABLE = 0x65720a55,

	/* Routing table: the IPv6 route that leads packets out through the detour device. */
	DETOUR_TABLE = 0x65720de7,

	/* Maximum IPv6 extension headers. A longer chain has protocol 0. */
	MAX_EXT_HEADERS = 8,

	/* Maximum flows of traps, held or with an SA. */
	EROUTE_MAX_FLOWS = 262144,

	/* Maximum traps with a rate limiter of their own at a time. */
	TRAP_RATES = 16384,

	/* Bytes of the ring buffer to the relay; a power of 2. */
	EVENTS_SIZE = 4194304,

	/*
	 * Sizes of packets in the ring buffer: the smallest that fits. A larger packet is not kept.
	 */
	EVENT_SMALL = 256,
	EVENT_MEDIUM = 2048,
	EVENT_LARGE = 9216,

	/*
	 * Maximum fill of the ring buffer for a held packet, for a command's notification, and for
	 * an ACQUIRE of a trap that has used half of its burst (TRAP_BUSY, ns). The rest is
	 * reserved for ACQUIREs of other traps.
	 */
	EVENTS_HELD = EVENTS_SIZE / 2,
	EVENTS_NOTIFY = EVENTS_SIZE / 4 * 3,
	EVENTS_BUSY_TRAP = EVENTS_SIZE / 4 * 3,
	TRAP_BUSY = 500000000,

	/*
	 * ns between two packets of a hold that go to the relay, on average. The burst is one
	 * second.
	 */
	HELD_INTERVAL = 10000000,

	/*
	 * The cache has buckets of CACHE_WAYS entries, in chunks of 2 MB. A family has 2 to the
	 * power of table_meta.cache_bits buckets: one chunk without eroutes, more with the number
	 * of eroutes.
	 */
	CACHE_WAYS = 8,
	CACHE_CHUNK_BITS4 = 13,
	CACHE_CHUNK_BITS6 = 12,
	CACHE_MIN_BITS = 15,
	CACHE_MAX_CHUNKS_BITS = 6,

	/*
	 * After CACHE_PATIENCE misses in a row a CPU probes the cache for one packet in
	 * CACHE_SAMPLE (a power of 2), until it hits.
	 */
	CACHE_PATIENCE = 64,
	CACHE_SAMPLE = 16,

	/* Interfaces with a lower ifindex are found in an array, if the frame has no VLAN tag. */
	INGRESS_PORTS = 1024,

	WATCHED_MAX = 16, /* physical devices of one ipsec device */

	WATCHED_NEAR = 1024, /* elements of eroute_watched_near, a power of two */

	/* Random keys, see hash.h. */
	HASH_KEYS = 22,

	/* Bits of an eroute's key between prefixlen and dst. */
	KEY4_FIXED_BITS = 96,
	KEY6_FIXED_BITS = 192,

	/* Slots of a group of the index, and the maximum groups probed for an entry. */
	INDEX_SLOTS = 7,
	INDEX_MAX_PROBES = 24,

	/* Lines of an index are in chunks of 2 MB; the maximum number of chunks. */
	INDEX_CHUNK_LINES = 32768,
	INDEX_CHUNKS = 2048,

	/*
	 * Prefix lengths of the blocks of addresses that have summaries: INDEX_BLOCK, which also
	 * has a filter cell, then in steps up to INDEX_SMALLEST.
	 */
	INDEX_BLOCK4 = 16,
	INDEX_BLOCK6 = 48,
	INDEX_STEP4 = 4,
	INDEX_STEP6 = 8,
	INDEX_SMALLEST4 = 24,
	INDEX_SMALLEST6 = 64,

	/* Summaries in a line, and the first bits of the parts of a summary. */
	INDEX_SUMMARIES = 7,
	INDEX_TUPLES_AT = 42,
	INDEX_BLOCKS_AT = 48,

	/*
	 * Steps of a lookup, two probes each, after which it falls back to the tries. The index makes a probe for each
	 * prefix length and tuple of each source, the tries a lookup for each tuple: in many nested prefixes of both
	 * ends they cost less.
	 */
	INDEX_STEPS = 96,
};

/* The action of an eroute. Never 0: an empty value has no action. */
enum eroute_action {
	ACT_SA = 1,
	ACT_PASS,
	ACT_DROP,
	ACT_REJECT,
	ACT_HOLD,
	ACT_TRAP,
	ACT_TRAPSUBNET,
	ACT_XFRM, /* left to the policies of XFRM that have no if_id */
	ACTIONS,
};

/*
 * The members that a selector names, protocol and ports, most specific first. A set of tuples is a bitmap of
 * 1 << tuple.
 */
enum eroute_tuple {
	TUPLE_SPORT_DPORT,
	TUPLE_SPORT,
	TUPLE_DPORT,
	TUPLE_PROTO,
	TUPLE_ANY,
	TUPLES,
};

/* The reason for the end of a packet. Each has a counter; pkg/maps has the names shown to users. */
enum reason {
	REASON_SA,        /* sent: handed to XFRM with the SA's if_id */
	REASON_PASS,      /* sent in clear by %pass */
	REASON_IKE,       /* sent in clear: local IKE, or ESP or AH of the gateway itself */
	REASON_NO_EROUTE, /* dropped: no eroute matches */
	REASON_DROP,      /* dropped: %drop */
	REASON_REJECT, /* dropped: %reject; the sender gets an ICMP error if the rate limits allow */
	REASON_HOLD,   /* held: sent to the relay */
	REASON_TRAP, /* held: %trap or %trapsubnet, the first packet of a hold; sent to the relay */
	REASON_SA_MISSING,      /* dropped: the SA is absent, larval or dead */
	REASON_NO_XFRM,         /* dropped: SA eroute, but the kernel has no XFRM interfaces */
	REASON_NOT_IP,          /* dropped: neither IPv4 nor IPv6, or a header cut short */
	REASON_ERROR,           /* dropped: the kernel refused to change or redirect the packet */
	REASON_UNCONFIGURED,    /* dropped: table or device state missing */
	REASON_HOLD_NOT_STORED, /* dropped: %hold, and the relay did not store it */
	REASON_TRAP_NO_RELAY,   /* dropped: %trap without a relay; no hold was made */
	REASON_TRAP_QUEUE_FULL, /* dropped: %trap, ring buffer full; no hold was made */
	REASON_TRAP_HOLDS_FULL, /* dropped: %trap, no room for another hold */
	REASON_TRAP_LIMITED,    /* dropped: %trap over its rate; no hold was made */
	REASON_SA_EXHAUSTED,    /* dropped: the SA's sequence numbers are used up */
	REASON_TRANSLATED, /* dropped: NAT changed the source, and the table protects the original one */
	REASON_UNWATCHED, /* dropped: protected, and its interface was created again and is not watched yet */
	REASON_CLEAR_INBOUND, /* dropped: arrived in clear, and the table protects the answer */
	REASON_WRONG_PEER, /* dropped: arrived encrypted, and the answer has no eroute to that peer */
	REASON_XFRM,       /* sent: handed to XFRM without an if_id, by %xfrm */
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

/* A source prefix that has eroutes: the number of eroutes with each tuple, less than EROUTE_MAX. */
struct src_value {
	__u8 prefixlen;       /* distinguishes an exact match from a shorter prefix */
	__u8 refs[TUPLES][3]; /* little endian */
};

/*
 * The selector of an eroute. The LPM trie matches all members before dst exactly and dst by longest
 * prefix. src_hostbits is 32 or 128 minus the source's prefix length. Ports are in network byte
 * order, 0: any.
 */
struct eroute_key4 {
	__u32 prefixlen;
	__u8 src[4];
	__u8 src_hostbits;
	__u8 proto;
	__be16 sport;
	__be16 dport;
	__u8 pad[2]; /* aligns dst */
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
	__u32 id; /* of its counters */
	__u32 sa; /* slot in eroute_sas, which has the SAID; of a shunt 0, which is also a slot: see action */
	__u8 action;
	__u8 dst_prefixlen; /* distinguishes an exact match from a shorter prefix */
	__u8 followed;      /* for commands only: 1: made from a policy of XFRM, not by a command */
	__u8 pad;
};

/*
 * The index of one family and generation, an array of cache lines (64 bytes):
 *
 * line 0             struct index
 * line 1             filter: 2 * cells words, sources, then destinations
 * summaries_at       summary lines, found by hash
 * slot_groups_at     group words, 8 in a line, found by hash
 * slots_at           slots, INDEX_SLOTS for each group word
 *
 * A filter cell is a word: the prefix lengths of sources (or destinations) in its block.
 *
 * A summary line has INDEX_SUMMARIES summaries, and a word with a tag for each of them:
 *
 * word 0 ... word 6  summaries
 * word 7             | shared | tag 6 | tag 5 | ... | tag 0 |   8 bits each, tag 0: free
 *
 * Where shared is not 0, word 6 is the union of summaries that had no room, for any hash. A summary
 * is a word. It describes the destinations of eroutes with one source prefix, or with one source
 * prefix and one block of destinations:
 *
 * 63         48 47    42 41                                  0
 * +------------+--------+------------------------------------+
 * | blocks     | tuples | prefix lengths of destinations     |
 * +------------+--------+------------------------------------+
 *
 * blocks has a bit for each 4-bit hash of a block with destinations (of a source only).
 *
 * A group word has a tag for each of its slots, and how many entries went on to the next group:
 *
 * 63   56 55 48                                     7    0
 * +-------+-----+-----+-----+-----+-----+-----+-----+
 * | moved | tag | tag | tag | tag | tag | tag | tag |   0: the slot is free
 * +-------+-----+-----+-----+-----+-----+-----+-----+
 */
struct index {
	__u32 cells;        /* filter cells of sources; as many for destinations follow */
	__u32 summaries_at; /* this and all *_at are line numbers */
	__u32 summary_lines;
	__u32 slot_groups_at;
	__u32 slots_at;
	__u32 slot_groups;
	__u32 summaries; /* used */
	__u32 slots;     /* used */
	__u32 stale;     /* eroutes deleted since the index was built */
	__u32 pad[3];
	/* Prefix lengths too short for a filter cell, of sources and of destinations. */
	__u64 wide_src;
	__u64 wide_dst;
};

/* The value of an eroute in the index. */
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
 * The counters that a packet changes, per eroute and CPU. They are small so that the CPU's caches
 * hold many.
 */
struct counters {
	__u64 packets; /* low COUNTER_TICK_AT bits: packets; above: tick of the last packet, 0: never */
	__u64 bytes;
};

/*
 * Counters of COUNTER_BLOCK consecutive ids on one CPU, a whole number of cache lines. The block of
 * the next CPU follows.
 */
struct counter_block {
	struct counters of[COUNTER_BLOCK];
	__u64 last[COUNTER_BLOCK]; /* CLOCK_MONOTONIC, ns: first packet in the tick; 0: never */
};

/* The state of an SA for packets. */
enum sa_use {
	SA_ABSENT,    /* packets drop */
	SA_READY,     /* packets go to XFRM */
	SA_TRANSPORT, /* packets go to XFRM after the detour, see detour.bpf.c */
	SA_EXHAUSTED, /* packets drop: no sequence number is left */

	/* Not an SA but a group, see struct sa_group. */
	SA_GROUP_FLOW,     /* a packet goes to the member that its flow selects */
	SA_GROUP_FAILOVER, /* packets go to the first member that they can use */
};

/*
 * An SA that eroutes name. The slot exists as long as these eroutes, with or without an XFRM state.
 * Two SAIDs can name one state: tun, and the state's own protocol. A state has one if_id, so the
 * slot bound second borrows the if_id of the first.
 */
struct sa {
	__u32 spi; /* host byte order */
	__u8 proto;
	__u8 family; /* AF_INET or AF_INET6 */
	__u8 use;    /* enum sa_use */
	__u8 aside;  /* 1: groups do not use it */
	__u8 edst[16];
	__u32 if_id; /* of the state and its policies: IF_ID_BASE + this slot, or borrowed */
	__u32 borrower; /* IF_ID_BASE + the borrowing slot; valid if that slot has this if_id; 0: none */
	__u64 since; /* CLOCK_MONOTONIC, ns: time at which the state was added */
};

/*
 * A group of SAs that eroutes name, in a slot of eroute_sas. Its elements of eroute_members have the slots of SAs: first
 * those of the members, in the order in which they were named, then cells, in which each member has about the same
 * number.
 */
struct sa_group {
	__u32 none; /* 0, where an SA has its SPI */
	__u8 pad[2];
	__u8 use;    /* as in struct sa */
	__u8 trap;   /* 1: without a member that packets can use, the eroute is a %trap */
	__u32 first; /* index of its elements */
	__u32 members;
	__u32 cells;        /* 0: failover */
	__u32 return_after; /* seconds for which a member is used only if there is no older one */
	__u32 pad2[4];
};

/* __sk_buff.tc_index of a packet on the detour. */
enum detour {
	DETOUR_OUT = 0x6571, /* routed to the detour device */
	DETOUR_DONE,         /* handed to XFRM: the next packet on the detour device is encrypted */
};

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

struct stat {
	__u64 packets;
	__u64 bytes;
};

/* The table that a command writes. If the command is killed, the next one repairs it. */
enum writing {
	WRITING_NOTHING,
	WRITING_TABLE,   /* the active table */
	WRITING_STANDBY, /* the table that will replace the active one */
	WRITING_COUNTS,  /* no table, but the numbers of eroutes are out of date */
};

struct table_meta {
	__u32 generation; /* the active one, 0 or 1 */
	__u32 limit;      /* maximum eroutes, both families together */
	__u32 writing;    /* enum writing */
	__u32 pad;
	__u64 version;         /* of the table; raised when writing is set, never 0 */
	__u64 factors[2];      /* odd, random; see hash.h */
	__u32 keys[HASH_KEYS]; /* random; see hash.h */
	__u64 token;           /* random; see token.h */
	/* Per family, IPv4 first: eroutes, and buckets of the cache as a power of 2. */
	__u32 count[2];
	__u32 cache_bits[2];
};

/* The result of a lookup in the table. */
struct verdict {
	__u32 id;    /* of the eroute's counters */
	__u32 sa;    /* slot in eroute_sas */
	__u8 action; /* 0: no eroute matches */
	__u8 src_prefixlen;
	__u8 dst_prefixlen;
	__u8 tuple;
};

/* The action of the fast path on a packet. */
enum fastpath_action {
	FASTPATH_CONTINUE, /* pass it on to routing */
	FASTPATH_REPLY,    /* drop it and send an ICMP error: %reject */
	FASTPATH_REJECT,   /* drop it without an ICMP error: %reject of a later fragment */
	FASTPATH_DROP,
	FASTPATH_NO_EROUTE,
};

struct fastpath_result {
	__u32 ifindex; /* of the interface it arrived on */
	__u32 id;      /* of the eroute's counters, if an eroute ends the packet */
	__u16 len;     /* valid for packets up to this length */
	__u8 tos;
	__u8 action; /* enum fastpath_action */
};

/* The versions of table and routes that cached results of the fast path depend on. */
struct epoch {
	__u64 number;    /* odd while another member is written; 0: not set yet */
	__u64 table;     /* table_meta.version */
	__u64 routes[2]; /* routes_version() of IPv4, IPv6 */
};

/*
 * The words of a cache entry after its addresses. key_l4 and seq are a seqlock: a writer makes seq
 * odd, a reader compares the word before and after.
 *
 *          63       48 47     41  40  39   32 31   16 15    0
 *         +-----------+---------+---+-------+-------+-------+
 * key_l4  | seq       | more    | F | proto | dport | sport |   F: later fragment
 *         |           | 22:16   |   |       |       |       |
 *         +-----------+---------+---+-------+-------+-------+
 * version | more 15:0 | version of the table, or epoch      |   0: empty
 *         +-----------+-------------------------------------+
 * result  | 64 bits                                         |
 *         +-------------------------------------------------+
 *
 *                  result                                      more
 * of the table     tuple 62:60, action 59:56, sa 55:32, id     dst_prefixlen 15:8,
 *                  31:0                                        src_prefixlen 7:0
 * of the fast path ifindex 63:32, tos 31:24, id 23:0           action 22:16, len 15:0
 */
struct cache_words {
	__u64 key_l4;
	__u64 version;
	__u64 result;
};

/* 32 bytes: two in a cache line. */
struct cache_entry4 {
	__u32 src;
	__u32 dst;
	struct cache_words words;
};

/* 64 bytes: one in a cache line. */
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

/* A rate limiter of ICMP errors, of one sender or of all. */
struct reject_rate {
	__u64 sender; /* hash of the address that uses this limiter */
	__u64 next;   /* see rate_allow(); in jiffies, that of all senders in ns */
};

/* An ipsec device, by ifindex. Each word has the ifindex in its upper half, see find_device(). */
struct device_words {
	__u64 physical; /* ifindex */
	__u64 has_xfrm; /* enum device_xfrm; 0: a plain device, packets of SAs drop */
	__u64 detour;   /* ifindex of the detour device */
};

enum device_xfrm {
	DEVICE_XFRM = 1,
	DEVICE_ALLOWED =
		2, /* for commands only: XFRM policies let packets that are routed into it reach it */
};

/*
 * A physical device whose egress has the wire program, by ifindex. The upper half of the value is the
 * ifindex, too: the memory can be reused for another device after the lookup.
 */
enum watched {
	WATCHED = 1,                /* always set */
	WATCHED_DROP_UNMATCHED = 2, /* packets without an eroute are dropped */
};

/* An interface and VLAN tags of a frame, outermost first. */
struct ingress_key {
	__u32 ifindex;
	__u16 vlan[2];
};

struct ingress {
	__u32 ifindex; /* of the interface that routing sees; 0: none */
	__u8 mac[6];   /* only frames to this address are handled */
	__u16 pad;
	__u64 seal; /* ingress_seal() */
};

/* __sk_buff.cb of the lookup program: its results. */
enum lookup_cb {
	LOOKUP_STATUS,    /* enum lookup_status */
	LOOKUP_SELECTOR,  /* prefix lengths src | dst << 8, enum eroute_tuple << 16 */
	LOOKUP_SA,        /* slot of the SA, of a group that of the packet's member, or NO_SLOT */
	LOOKUP_ID,        /* eroute_value.id */
	LOOKUP_LOCAL_IKE, /* 1: IKE, ESP or AH, and the source may be a local address */
};

enum lookup_status {
	LOOKUP_UNSET,
	LOOKUP_NOT_IP,
	LOOKUP_NONE,
	LOOKUP_FOUND, /* an eroute of the table */
	LOOKUP_FLOW,  /* a flow */
};

#endif

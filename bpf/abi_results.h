/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What happens to packets: verdicts, reasons and their counters, limits of ICMP errors, results of the lookup program. */
#ifndef EROUTE_ABI_RESULTS_H
#define EROUTE_ABI_RESULTS_H

#include <linux/types.h>

/* The result of a lookup in the table. */
struct verdict {
	__u32 id;    /* of the eroute's counters */
	__u32 sa;    /* slot in eroute_sas */
	__u8 action; /* 0: no eroute matches */
	__u8 src_prefixlen;
	__u8 dst_prefixlen;
	__u8 tuple;
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

struct stat {
	__u64 packets;
	__u64 bytes;
};

/* A rate limiter of ICMP errors, of one sender or of all. */
struct reject_rate {
	__u64 sender; /* hash of the address that uses this limiter */
	__u64 next;   /* see rate_allow(); in jiffies, that of all senders in ns */
};

/* __sk_buff.cb of the lookup program: its results. */
enum lookup_cb {
	LOOKUP_STATUS,    /* enum lookup_status */
	LOOKUP_SELECTOR,  /* prefix lengths src | dst << 8, enum eroute_tuple << 16 */
	LOOKUP_SA,        /* slot of the SA, of a group that of the packet's member, or NO_SLOT */
	LOOKUP_ID,        /* eroute_value.id */
	LOOKUP_LOCAL_IKE, /* 1: IKE, ESP or AH, and the source may be a local address */

	LOOKUP_CPU = LOOKUP_SA, /* before the run: the CPU that the packet is on */
};

enum lookup_status {
	LOOKUP_UNSET,
	LOOKUP_NOT_IP,
	LOOKUP_NONE,
	LOOKUP_FOUND, /* an eroute of the table */
	LOOKUP_FLOW,  /* a flow */
};

#endif

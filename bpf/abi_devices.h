/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Network interfaces: ipsec devices, watched ones, and those that frames arrive on. */
#ifndef EROUTE_ABI_DEVICES_H
#define EROUTE_ABI_DEVICES_H

#include <linux/types.h>

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

/* __sk_buff.tc_index of a packet on the detour. */
enum detour {
	DETOUR_OUT = 0x6571, /* routed to the detour device */
	DETOUR_DONE,         /* handed to XFRM: the next packet on the detour device is encrypted */
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

#endif

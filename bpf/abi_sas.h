/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* SAs that eroutes name, and groups of them. */
#ifndef EROUTE_ABI_SAS_H
#define EROUTE_ABI_SAS_H

#include <linux/types.h>

/*
 * The state of an SA for packets. From SA_CPU on, packets of an eroute that has this slot go to another slot, or drop.
 */
enum sa_use {
	SA_ABSENT = 0,    /* packets drop */
	SA_READY = 2,     /* packets go to XFRM */
	SA_TRANSPORT = 3, /* packets go to XFRM after the detour, see detour.bpf.c */
	SA_EXHAUSTED = 4, /* packets drop: no sequence number is left */

	/* XFRM uses the SA on one CPU only: packets there go to XFRM, if they are those of a group by CPU. */
	SA_CPU = 6,
	SA_CPU_TRANSPORT = 7, /* after the detour */

	/* Not an SA but a group, see struct sa_group. */
	SA_GROUP_FLOW = 8, /* a packet goes to the member that its flow selects */
	SA_GROUP_FAILOVER, /* packets go to the first member that they can use */
	SA_GROUP_CPU,      /* packets go to the member of their CPU */
};

/* The bit of enum sa_use that SAs in transport mode have, but no other SA. */
#define SA_IN_TRANSPORT_MODE 1

/*
 * An SA that eroutes name, or a bundle: SAs that process a packet one after the other. The slot exists as long as these
 * eroutes, with or without an XFRM state. Two SAIDs can name one state: tun, and the state's own protocol. A state has one
 * if_id, so the slot bound second borrows the if_id of the first.
 *
 * All states of a bundle have the if_id of its slot. SPI and protocol are those of its last SA.
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
	__u16 cpu;   /* SA_CPU: the CPU on which XFRM uses it */
	__u16 comp; /* of a bundle: the SPI of the IPComp SA before the last SA, host byte order; 0: none */
	__u32 esp; /* of a bundle: the same of ESP */
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
	__u32 cells;        /* 0: not by flow */
	__u32 return_after; /* seconds for which a member is used only if there is no older one */
	__u32 pad2[6];
};

#endif

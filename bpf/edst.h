/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The destination of an SA. */
#ifndef EROUTE_EDST_H
#define EROUTE_EDST_H

#include "abi.h"
#include "kernel.h"
#include "maps.h"

/* Reports whether the edst of a slot's SA is an address, of which IPv4 uses the first four bytes. */
static __always_inline int is_edst(__u32 slot, __u8 family, const void *addr)
{
	const struct sa *sa = bpf_map_lookup_elem(&eroute_sas, &slot);

	if (!sa || sa->family != family)
		return 0;
	if (family == AF_INET)
		return !__builtin_memcmp(sa->edst, addr, 4);
	return !__builtin_memcmp(sa->edst, addr, 16);
}

#endif

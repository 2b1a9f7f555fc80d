// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * Deletion of an XFRM state: from now on its packets drop as "sa-missing", without any process.
 * Otherwise XFRM would drop them, but make a larval state that occupies the SPI.
 */
#include "abi.h"
#include "kernel.h"
#include "xfrm_state.h"

/* net/xfrm/xfrm_state.c: called for every deletion. */
SEC("fentry/__xfrm_state_delete")
int eroute_sa_delete(__u64 *ctx)
{
	set_sa_use((void *)ctx[0], SA_ABSENT);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";

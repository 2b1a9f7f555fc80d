// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * The end of an XFRM state: its packets drop as "SA missing" from that moment on, with
 * nobody watching. Without this program they reach XFRM, which drops them too, but makes
 * a larval state that keeps the SPI.
 */
#include "abi.h"
#include "kernel.h"
#include "xfrm_state.h"

/* net/xfrm/xfrm_state.c: every way that a state ends comes through here. */
SEC("fentry/__xfrm_state_delete")
int eroute_sa_delete(__u64 *ctx)
{
	set_sa_use((void *)ctx[0], SA_ABSENT);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";

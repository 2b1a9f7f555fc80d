// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * An XFRM state whose sequence numbers are used up stays, and XFRM drops its packets: from the
 * first one on they drop here, counted as such.
 */
#include "abi.h"
#include "kernel.h"
#include "xfrm_state.h"

/* net/xfrm/xfrm_replay.c calls it with each packet that has no sequence number left. */
SEC("fentry/xfrm_audit_state_replay_overflow")
int eroute_sa_exhausted(__u64 *ctx)
{
	set_sa_use((void *)ctx[0], SA_EXHAUSTED);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";

// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
//go:build ignore

/*
 * An XFRM state without sequence numbers stays, and XFRM drops its packets. After the first one
 * they drop here, counted as "sa-exhausted".
 */
#include "abi.h"
#include "kernel.h"
#include "xfrm_state.h"

/* net/xfrm/xfrm_replay.c: called for each packet without a sequence number. */
SEC("fentry/xfrm_audit_state_replay_overflow")
int eroute_sa_exhausted(__u64 *ctx)
{
	set_sa_use((void *)ctx[0], SA_EXHAUSTED);
	return 0;
}

char _license[] SEC("license") = "Dual BSD/GPL";

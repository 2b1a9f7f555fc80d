/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The ABI of the kernel programs and Go: keys and values of maps, and constants. */
#ifndef EROUTE_ABI_H
#define EROUTE_ABI_H

#include "abi_limits.h"
#include "abi_table.h"
#include "abi_index.h"
#include "abi_cache.h"
#include "abi_sas.h"
#include "abi_flows.h"
#include "abi_devices.h"
#include "abi_results.h"

#endif

// SPDX-License-Identifier: Apache-2.0

// Package abi converts between the types of pkg/eroute and those of bpf/abi.h: keys and values of the pinned
// maps, keyed hashes, times and packed words. It does no system call but to read the clock.
package abi

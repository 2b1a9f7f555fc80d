// SPDX-License-Identifier: Apache-2.0

// Package acquire is the relay between traps and key managers. The programs in the kernel make a %hold for each
// flow that hits a trap, and pass its packets to the relay. The relay requests SAs from the key managers,
// stores the packets, follows the SAs that are installed, and sends the packets once their flow has one.
package acquire

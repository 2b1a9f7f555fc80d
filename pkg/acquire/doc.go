// SPDX-License-Identifier: Apache-2.0

// Package acquire is the relay between traps and key managers. The programs in the
// kernel make a %hold for each flow that meets a trap and give its packets to the relay,
// which asks the key managers, keeps the packets, follows the answers, and sends the
// packets on once there is one.
package acquire

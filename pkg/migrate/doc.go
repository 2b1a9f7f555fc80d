// SPDX-License-Identifier: Apache-2.0

// Package migrate turns the kernel's XFRM out policies into eroutes that do the same with
// the same packets, and says of the others why they cannot be carried over.
package migrate

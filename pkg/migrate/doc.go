// SPDX-License-Identifier: Apache-2.0

// Package migrate converts the kernel's outbound XFRM policies to equivalent eroutes, and
// reports why the other policies cannot be converted.
package migrate

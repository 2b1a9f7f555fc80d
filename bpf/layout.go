// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

package bpf

import "fmt"

// Layout names the layout of everything that is pinned: EROUTE_LAYOUT, which is raised by hand when a
// value's meaning changes, and a digest of the types and maps themselves. It is part of the pin path, so
// that versions with different layouts never open each other's maps.
func Layout() string { return fmt.Sprintf("v%d-%s", ABILimitsEROUTE_LAYOUT, layoutDigest) }

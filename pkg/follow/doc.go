// SPDX-License-Identifier: Apache-2.0

// Package follow derives eroutes from the outbound policies that key managers install in XFRM, so that what XFRM
// protects cannot leave a watched interface in clear.
package follow

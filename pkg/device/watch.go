// SPDX-License-Identifier: Apache-2.0

package device

import (
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/netlisten"
)

// watched are the rtnetlink(7) groups of [Watch].
const watched = 1<<(unix.RTNLGRP_LINK-1) |
	1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1) |
	1<<(unix.RTNLGRP_IPV4_ROUTE-1) | 1<<(unix.RTNLGRP_IPV6_ROUTE-1) |
	1<<(unix.RTNLGRP_IPV4_RULE-1) | 1<<(unix.RTNLGRP_IPV6_RULE-1)

// Watch subscribes to changes of interfaces, addresses, routes and rules in the calling thread's network
// namespace. [NeedsFollow] determines whether the changes matter.
func Watch() (*netlisten.Socket, error) {
	return netlisten.Open("rtnetlink", unix.NETLINK_ROUTE, watched)
}

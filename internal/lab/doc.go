// SPDX-License-Identifier: Apache-2.0

// Package lab builds gateways and hosts in network namespaces, sends real traffic through them and captures
// it independently of the code under test.
//
//	EastHost eth0 -- lan East wan -- wan West lan -- eth0 WestHost
//	         192.0.2.0/24    192.1.2.0/24    192.0.1.0/24
//	      2001:db8:2::/64  2001:db8:12::/64  2001:db8:1::/64
//
// Everything needs CAP_SYS_ADMIN (namespaces, mounts), CAP_NET_ADMIN (links, routes, large socket buffers)
// and CAP_NET_RAW (captures, pings, raw frames). Several labs can exist at the same time: each has its own
// namespace names.
package lab

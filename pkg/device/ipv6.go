// SPDX-License-Identifier: Apache-2.0

package device

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Values of linux/if_link.h and linux/ipv6.h that package nl does not have.
const (
	iflaInet6Conf      = 2  // IFLA_INET6_CONF
	devconfDisableIPv6 = 26 // DEVCONF_DISABLE_IPV6
)

// hasIPv6 reports whether an interface has IPv6 at present. It has none if the kernel has none, if its MTU is
// below 1280 bytes, or if net.ipv6.conf.NAME.disable_ipv6 is 1. It uses netlink because a sandboxed process may
// have no /proc/sys.
func hasIPv6(ifindex int) (bool, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, 0)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(ifindex)
	req.AddData(msg)
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWLINK)
	if err != nil {
		return false, fmt.Errorf("read settings of interface %d: %w", ifindex, err)
	}
	for _, m := range msgs {
		settings, err := nested(m[nl.DeserializeIfInfomsg(m).Len():], unix.IFLA_AF_SPEC, unix.AF_INET6, iflaInet6Conf)
		if err != nil {
			return false, fmt.Errorf("parse settings of interface %d: %w", ifindex, err)
		}
		if at := 4 * devconfDisableIPv6; len(settings) >= at+4 {
			return binary.NativeEndian.Uint32(settings[at:]) == 0, nil
		}
	}
	return false, nil
}

// nested returns the value of a nested attribute; path lists the attribute types, outermost first. It returns
// nil if the attribute is missing.
func nested(b []byte, path ...uint16) ([]byte, error) {
	for _, kind := range path {
		attrs, err := nl.ParseRouteAttr(b)
		if err != nil {
			return nil, err
		}
		b = nil
		for _, a := range attrs {
			if a.Attr.Type&nl.NLA_TYPE_MASK == kind {
				b = a.Value
			}
		}
	}
	return b, nil
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Values of linux/netdev.h.
const (
	netdevCmdDevGet      = 1 // NETDEV_CMD_DEV_GET
	netdevDevIfindex     = 1 // NETDEV_A_DEV_IFINDEX
	netdevDevXDPFeatures = 3 // NETDEV_A_DEV_XDP_FEATURES
	netdevXDPActBasic    = 1 // NETDEV_XDP_ACT_BASIC
)

// nativeXDP returns whether an interface's driver supports XDP programs. Returns Unknown on kernels that do not
// report it (before Linux 6.3).
func nativeXDP(ifindex int) (Support, error) {
	family, err := netlink.GenlFamilyGet("netdev")
	if errors.Is(err, unix.ENOENT) {
		return Unknown, nil
	}
	if err != nil {
		return Unknown, fmt.Errorf("look for netdev netlink: %w", err)
	}
	req := nl.NewNetlinkRequest(int(family.ID), 0)
	// Not nl.Genlmsg, whose last two bytes are uninitialized: the kernel requires 0.
	header := []byte{netdevCmdDevGet, 1, 0, 0} // struct genlmsghdr: command, version
	req.RawData = append(header, nl.NewRtAttr(netdevDevIfindex, nl.Uint32Attr(uint32(ifindex))).Serialize()...)
	msgs, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return Unknown, fmt.Errorf("request XDP features: %w", err)
	}
	if len(msgs) != 1 || len(msgs[0]) < nl.SizeofGenlmsg {
		return Unknown, fmt.Errorf("request XDP features: %d replies", len(msgs))
	}
	return parseXDPFeatures(msgs[0][nl.SizeofGenlmsg:])
}

func parseXDPFeatures(b []byte) (Support, error) {
	attrs, err := nl.ParseRouteAttr(b)
	if err != nil {
		return Unknown, fmt.Errorf("parse XDP features: %w", err)
	}
	for _, a := range attrs {
		switch {
		case a.Attr.Type != netdevDevXDPFeatures || len(a.Value) < 8:
		case binary.NativeEndian.Uint64(a.Value)&netdevXDPActBasic != 0:
			return Yes, nil
		default:
			return No, nil
		}
	}
	return Unknown, nil
}

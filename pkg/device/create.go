// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// alias marks a device as created by this program, so that it is recognized after an attach was killed.
const alias = "made by ipsec tncfg"

// Kinds of ipsec devices.
const (
	KindXFRM  = "xfrm"  // a collect-metadata XFRM interface
	KindPlain = "plain" // a TUN device without a reader, on kernels without XFRM interfaces
)

// iflaXfrmCollectMetadata is IFLA_XFRM_COLLECT_METADATA (include/uapi/linux/if_link.h).
const iflaXfrmCollectMetadata = 3

// maxMTU is the largest MTU of an ipsec device, in bytes. Packets leave it after bpf_skb_change_head, which
// refuses packets longer than SKB_MAX_ALLOC (16,064 bytes with 4 KB pages) unless they are GSO packets
// (net/core/filter.c).
const maxMTU = 16000

// create creates the ipsec device, down, and returns it and its kind.
func create(name string, mtu int) (netlink.Link, string, error) {
	kind := KindXFRM
	err := createXFRM(name)
	if errors.Is(err, unix.EOPNOTSUPP) {
		kind = KindPlain
		err = createPlain(name)
	}
	if err != nil {
		return nil, "", fmt.Errorf("create %s: %w", name, explain(err))
	}
	dev, err := prepare(name, mtu)
	return dev, kind, err
}

// prepare sets alias and MTU of a device that was just created.
func prepare(name string, mtu int) (netlink.Link, error) {
	dev, err := netlink.LinkByName(name)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", name, err)
	}
	err = errors.Join(netlink.LinkSetAlias(dev, alias), netlink.LinkSetMTU(dev, min(mtu, maxMTU)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("set up %s: %w", name, err), netlink.LinkDel(dev))
	}
	return dev, nil
}

// createPlain creates a TUN device.
func createPlain(name string) error {
	err := netlink.LinkAdd(&netlink.Tuntap{
		LinkAttrs: netlink.LinkAttrs{Name: name}, Mode: netlink.TUNTAP_MODE_TUN,
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) {
		return fmt.Errorf("open /dev/net/tun: %w: it takes the module tun (modprobe tun, CONFIG_TUN)", err)
	}
	return err
}

// createXFRM does what "ip link add NAME type xfrm external" does.
func createXFRM(name string) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("xfrm"))
	info.AddRtAttr(nl.IFLA_INFO_DATA, nil).AddRtAttr(iflaXfrmCollectMetadata, nil)
	req.AddData(info)
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// explain adds the reason that the kernel's error does not give.
func explain(err error) error {
	if errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%w: a network namespace has one collect-metadata XFRM interface at the most", err)
	}
	return err
}

// removeLeftover deletes the device of this name, if it exists and has our alias. It returns an error if it is
// another program's device.
func removeLeftover(name string) error {
	dev, err := netlink.LinkByName(name)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if dev.Attrs().Alias != alias {
		return fmt.Errorf("interface %s exists and is not ours", name)
	}
	if err := netlink.LinkDel(dev); err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// gatherInterfaces reads the interfaces that the ipsec devices are bound to; without devices, all interfaces that
// they could be bound to.
func (f *Facts) gatherInterfaces() error {
	links, err := netdump.Links()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return fmt.Errorf("open ethtool: %w", err)
	}
	defer tool.Close()
	f.Forward4 = sysctl("ipv4/ip_forward") == 1
	f.Forward6 = sysctl("ipv6/conf/all/forwarding") == 1
	for _, in := range f.used(links) {
		for _, l := range links {
			if l.Attrs().Name != in.Name {
				continue
			}
			if err := in.read(l, tool); err != nil {
				return err
			}
			in.XDP.LeftToTC = leftToTC(l, links)
			if in.Physical {
				in.readGRO(l, links, tool)
			}
		}
		f.Interfaces = append(f.Interfaces, in)
	}
	return nil
}

// used returns the interfaces to check.
func (f *Facts) used(links []netlink.Link) (all []Interface) {
	at := func(name string) *Interface {
		for i := range all {
			if all[i].Name == name {
				return &all[i]
			}
		}
		all = append(all, Interface{Name: name})
		return &all[len(all)-1]
	}
	for _, d := range f.Devices {
		for _, in := range d.Ingress {
			i := at(in.Name)
			i.Ingress = true
			i.XDP.Ours = i.XDP.Ours || in.Mode == "xdp"
		}
		if d.Physical != "" {
			at(d.Physical).Physical = true
		}
		for _, name := range d.Also {
			at(name).Physical = true
		}
	}
	if len(f.Devices) > 0 {
		return all
	}
	for _, l := range links {
		if l.Attrs().Flags&net.FlagLoopback == 0 && l.Attrs().EncapType == "ether" {
			at(l.Attrs().Name)
		}
	}
	return all
}

// read reads the facts of an existing interface.
func (in *Interface) read(l netlink.Link, tool *ethtool.Ethtool) (err error) {
	attrs := l.Attrs()
	in.Exists, in.Up = true, attrs.Flags&net.FlagUp != 0
	if in.XDP.Native, err = nativeXDP(attrs.Index); err != nil {
		return err
	}
	if xdp := attrs.Xdp; xdp != nil && xdp.Attached {
		const generic = 2 // XDP_ATTACHED_SKB
		in.XDP.Program, in.XDP.Generic = loader.ProgramName(xdp.ProgId), xdp.AttachMode == generic
	}
	// On error there are no features that could interfere.
	features, _ := tool.Features(in.Name)
	in.LRO, in.GRO = features["rx-lro"], features[device.FeatureGRO]
	in.Forward4 = sysctl("ipv4/conf/"+in.Name+"/forwarding") == 1
	in.RPFilter = max(sysctl("ipv4/conf/all/rp_filter"), sysctl("ipv4/conf/"+in.Name+"/rp_filter"))
	return nil
}

// readGRO finds the packets of an interface that GRO does not receive.
func (in *Interface) readGRO(l netlink.Link, links []netlink.Link, tool *ethtool.Ethtool) {
	for _, r := range device.Receivers(l, links) {
		name := r.Attrs().Name
		features, _ := tool.Features(name)
		if on, known := features[device.FeatureGRO]; known && !on {
			in.WithoutGRO = append(in.WithoutGRO, name)
		}
	}
	in.LimitOfGRO = device.LimitOfGRO(l, links)
}

// sysctl reads a number below net; 0 if there is no such setting.
func sysctl(name string) int {
	text, err := os.ReadFile(filepath.Join("/proc/sys/net", name))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

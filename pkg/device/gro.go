// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/safchain/ethtool"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// While a collect-metadata XFRM interface is up, the kernel loses inbound IPv4 packets of SAs in transport
// mode: xfrm4_rcv_encap_finish (net/ipv4/xfrm4_input.c) uses the metadata as a route. With the module
// esp4_offload, GRO receives ESP earlier and returns the decrypted packet to the interface, so that it does not
// reach that function.

// FeatureGRO is ethtool's name of NETIF_F_GRO.
const FeatureGRO = "rx-gro"

// inboundTransport is the prefix of attach's notes about inbound packets of transport-mode SAs.
const inboundTransport = "inbound IPv4 transport mode: "

// receiveTransport enables reception of inbound IPv4 packets of transport-mode SAs while virtual is attached.
// notes lists what it changed and what does not work. remove undoes it, except that the module stays loaded.
func receiveTransport(dir *loader.Dir, virtual string, wans []netlink.Link) (notes []string, err error) {
	note := func(format string, args ...any) {
		notes = append(notes, inboundTransport+fmt.Sprintf(format, args...))
	}
	before := xfrm.HasESPOffload()
	has, err := xfrm.LoadESPOffload()
	switch {
	case err != nil && !before:
		note("lost while %s is attached: %v", virtual, err)
		return notes, nil
	case err == nil && !has:
		if esp, err := xfrm.ESPAvailable(); err == nil && esp {
			note("lost while %s is attached: this kernel has no esp4_offload (CONFIG_INET_ESP_OFFLOAD)", virtual)
		}
		return notes, nil
	case !before:
		note("loaded the module esp4_offload, which stays loaded")
	}
	all, err := netdump.Links()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	binding, err := dir.Binding(virtual)
	if err != nil {
		return nil, err
	}
	changed, err := setGRO(dir, virtual, &binding, receiversOf(wans, all))
	if len(changed) > 0 {
		note("turned GRO on for %s; detach turns it off", strings.Join(changed, ", "))
	}
	if err != nil {
		note("lost while %s is attached: %v", virtual, err)
	}
	for _, wan := range wans {
		if limit := LimitOfGRO(wan, all); limit != "" {
			note("%s", limit)
		}
	}
	return notes, nil
}

// setGRO turns GRO on for the interfaces in on, and off for other interfaces where an earlier call had turned
// it on. The binding records these interfaces. It returns the names of the interfaces that it turned GRO on
// for.
func setGRO(dir *loader.Dir, virtual string, b *loader.Binding, on []netlink.Link) (changed []string, err error) {
	tool, err := ethtool.NewEthtool()
	if err != nil {
		return nil, fmt.Errorf("open ethtool: %w", err)
	}
	defer tool.Close()
	var errs []error
	for _, ifindex := range slices.Sorted(maps.Keys(b.GRO)) {
		if !slices.ContainsFunc(on, func(l netlink.Link) bool { return l.Attrs().Index == ifindex }) {
			errs = append(errs, restoreGRO(tool, ifindex))
			delete(b.GRO, ifindex)
		}
	}
	for _, l := range on {
		name := l.Attrs().Name
		features, err := tool.Features(name)
		if on, known := features[FeatureGRO]; err != nil || !known || on {
			continue
		}
		// Recorded first, so that it is undone if this command is killed.
		b.GRO[l.Attrs().Index] = name
		if err := dir.SetBinding(virtual, *b); err != nil {
			return changed, errors.Join(append(errs, err)...)
		}
		if err := turnGRO(tool, name, true); err != nil {
			delete(b.GRO, l.Attrs().Index)
			errs = append(errs, err)
			continue
		}
		changed = append(changed, name)
	}
	return changed, errors.Join(append(errs, dir.SetBinding(virtual, *b))...)
}

// restoreGRO turns GRO of an interface off again, if the interface still exists.
func restoreGRO(tool *ethtool.Ethtool, ifindex int) error {
	name, err := ifname.Lookup(ifindex)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return err
	}
	return turnGRO(tool, name, false)
}

// turnGRO turns GRO of an interface on or off, and returns an error if the change had no effect.
func turnGRO(tool *ethtool.Ethtool, name string, on bool) error {
	word := map[bool]string{false: "off", true: "on"}[on]
	if err := tool.Change(name, map[string]bool{FeatureGRO: on}); err != nil {
		return fmt.Errorf("turn GRO of %s %s: %w", name, word, err)
	}
	// The kernel ignores a change that the interface does not allow.
	if features, err := tool.Features(name); err != nil || features[FeatureGRO] != on {
		return errors.Join(fmt.Errorf("GRO of %s cannot be turned %s", name, word), err)
	}
	return nil
}

// followGRO does what receiveTransport does, for a physical interface that has replaced another. It loads no
// module: attach did, and the relay lacks the privilege.
func (f *follower) followGRO() error {
	if !f.config.HasXFRM || f.binding.Physical == "" || !xfrm.HasESPOffload() {
		return nil
	}
	_, err := setGRO(f.table.Dir(), f.dev.Attrs().Name, &f.binding, receiversOf(f.wans(), f.all))
	return err
}

// removeGRO undoes receiveTransport, except that the module stays loaded.
func removeGRO(dir *loader.Dir, virtual string) error {
	binding, err := dir.Binding(virtual)
	if errors.Is(err, loader.ErrNotAttached) || len(binding.GRO) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = setGRO(dir, virtual, &binding, nil)
	return err
}

// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/features"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	eroutemaps "github.com/ipsec-eroute/eroute/pkg/maps"
)

// guardHooks are the hooks of the program that protects a physical device until it is watched again.
var guardHooks = []loader.Hook{loader.HookGuard4, loader.HookGuard6}

// attachGuard attaches the program that drops protected packets while a physical device, deleted and created again,
// is not watched. note says what this kernel lacks.
func attachGuard(t *eroutemaps.Table, links loader.Links, dev netlink.Link, b loader.Binding) (note string, err error) {
	err = features.HaveProgramType(ebpf.Netfilter)
	if errors.Is(err, ebpf.ErrNotSupported) {
		return "this kernel has no BPF programs for netfilter (CONFIG_NETFILTER_BPF_LINK): a physical interface that is deleted and created again is unprotected until ipsec acquire or --sync watches it", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for BPF programs for netfilter: %w", err)
	}
	prog, err := loadGuard(t, b)
	if err != nil {
		return "", err
	}
	defer func() { _ = prog.Close() }()
	for _, hook := range guardHooks {
		if err := links.Attach(hook, dev.Attrs().Index, prog); err != nil {
			return "", err
		}
	}
	return "", nil
}

// dropOtherGuards removes the programs of an earlier ipsec device of this name. They protect until here.
func dropOtherGuards(links loader.Links, dev netlink.Link) error {
	var errs []error
	for _, hook := range guardHooks {
		on, err := links.On(hook)
		errs = append(errs, err)
		for _, ifindex := range on {
			if ifindex != dev.Attrs().Index {
				errs = append(errs, links.Drop(ifindex, hook))
			}
		}
	}
	return errors.Join(errs...)
}

func loadGuard(t *eroutemaps.Table, b loader.Binding) (*ebpf.Program, error) {
	names := slices.Sorted(maps.Values(b.Watched))
	return loader.LoadGuard(t.Replacements(), slices.Compact(names), b.DropUnmatched)
}

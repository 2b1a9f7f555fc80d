// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// Filter is a filter of tc(8) on the egress of a watched interface. Filters run after all programs of tcx, so after
// ours, which ends with TCX_NEXT.
type Filter struct {
	Dev, Kind  string
	Preference uint16
}

// gatherFilters lists the filters on the egress of the interfaces that a device watches.
func (d *Device) gatherFilters() error {
	if !d.Watched {
		return nil
	}
	for _, name := range append([]string{d.Physical}, d.Also...) {
		l, err := netlink.LinkByName(name)
		if err != nil {
			continue // missing: reported by another check
		}
		all, err := netdump.All(func() ([]Filter, error) { return egressFilters(l) })
		if err != nil {
			return fmt.Errorf("list tc filters of %s: %w", name, err)
		}
		d.Filters = append(d.Filters, all...)
	}
	return nil
}

// egressFilters returns the filters on the egress of an interface, those of a kind and preference once. The netlink
// package parses their options, too, and fails at those that it does not know.
func egressFilters(l netlink.Link) (all []Filter, err error) {
	name := l.Attrs().Name
	request := nl.NewNetlinkRequest(unix.RTM_GETTFILTER, unix.NLM_F_DUMP)
	request.AddData(&nl.TcMsg{Family: nl.FAMILY_ALL, Ifindex: int32(l.Attrs().Index), Parent: netlink.HANDLE_MIN_EGRESS})
	messages, err := request.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWTFILTER)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil, err
	}
	for _, m := range messages {
		header := nl.DeserializeTcMsg(m)
		attributes, err := nl.ParseRouteAttr(m[header.Len():])
		if err != nil {
			return nil, err
		}
		preference, _ := netlink.MajorMinor(header.Info)
		for _, a := range attributes {
			if f := (Filter{name, nl.BytesToString(a.Value), preference}); a.Attr.Type == nl.TCA_KIND && !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all, err
}

// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
)

// maxStacked limits the depth of stacked interfaces: the kernel's MAX_NEST_DEV.
const maxStacked = 8

// watcher is an ipsec device and an interface that it watches.
type watcher struct {
	device *device.Attachment // nil: none
	name   string
}

// watcherOf returns the watcher of packets that are routed to an interface: of the interface, or of the first of its
// members if all of them are watched. A master's program does not see packets that are routed to a member.
// Without one, unwatched is the interface or, if other members are watched, its first member that is not.
func (x *explainer) watcherOf(name string) (w watcher, unwatched string) {
	if !slices.ContainsFunc(x.devices, func(a device.Attachment) bool { return a.Watched }) {
		return watcher{}, ""
	}
	return x.watcherBelow(name, maxStacked)
}

func (x *explainer) watcherBelow(name string, depth int) (first watcher, unwatched string) {
	for i := range x.devices {
		a := &x.devices[i]
		// The guard of an interface that was created again knows the master only.
		unguarded := depth < maxStacked && slices.Contains(a.Unwatched, name)
		if a.Watches(name) && !unguarded {
			return watcher{a, name}, ""
		}
	}
	if name == "" || depth == 0 {
		return watcher{}, name
	}
	for _, member := range x.kernel.Members(name) {
		w, below := x.watcherBelow(member, depth-1)
		if first.device == nil {
			first = w
		}
		if w.device == nil && unwatched == "" {
			unwatched = below
		}
	}
	switch {
	case first.device == nil: // no member, or none of them is watched
		return first, name
	case unwatched != "":
		return watcher{}, unwatched
	}
	return first, ""
}

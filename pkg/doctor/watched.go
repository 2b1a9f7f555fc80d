// SPDX-License-Identifier: Apache-2.0

package doctor

import "slices"

// anyWatched reports whether an interface is watched.
func (f *Facts) anyWatched() bool {
	return slices.ContainsFunc(f.Devices, func(d Device) bool { return d.Watched })
}

// isWatched reports whether an interface is watched: itself, or all its members.
func (f *Facts) isWatched(name string) bool {
	if slices.ContainsFunc(f.Devices, func(d Device) bool { return d.Watches(name) }) {
		return true
	}
	members := f.Members[name]
	return len(members) > 0 && !slices.ContainsFunc(members, func(member string) bool { return !f.isWatched(member) })
}

// unwatched returns the interface to watch for packets that are routed to one that is not watched: itself or, if
// other members are watched, its first member that is not.
func (f *Facts) unwatched(name string) string {
	members := f.Members[name]
	if !slices.ContainsFunc(members, f.isWatched) {
		return name
	}
	i := slices.IndexFunc(members, func(member string) bool { return !f.isWatched(member) })
	return f.unwatched(members[i])
}

// isExit reports whether packets can leave through an interface without being matched. Those of --ingress are on
// the protected side.
func (f *Facts) isExit(name string) bool {
	if name == "" || name == "lo" || f.isVirtual(name) || f.isWatched(name) {
		return false
	}
	return !slices.ContainsFunc(f.Interfaces, func(in Interface) bool { return in.Ingress && in.Name == name })
}

// intoRouted reports whether a route leads into an ipsec device whose physical device is not watched.
func (f *Facts) intoRouted(r *Route) bool {
	return r.IPsec && slices.ContainsFunc(f.Devices, func(d Device) bool { return d.Virtual == r.Dev && !d.Watched })
}

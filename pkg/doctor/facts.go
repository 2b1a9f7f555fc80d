// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Facts is what checks look at: one network namespace at one moment.
type Facts struct {
	Now         time.Time
	Missing     map[Feature]error // features that the kernel lacks, and what it said
	Table       *Table            // nil: there is none, or it cannot be read
	TableError  error             // why it cannot be read
	Devices     []Device
	Interfaces  []Interface // ingress and physical ones of the devices; without devices, all
	Routes      []Route
	SAs         []SA                // that eroutes name
	Lives       []xfrm.Span         // of all states
	Listeners   int                 // sockets that ACQUIREs reach
	Own         map[netip.Addr]bool // addresses of the gateway
	ESP4Offload bool                // whether the kernel has esp4_offload: GRO receives ESP over IPv4
	Forward4    bool                // net.ipv4.ip_forward
	Forward6    bool                // net.ipv6.conf.all.forwarding
}

// Table is the eroute table.
type Table struct {
	maps.Stats
	HalfWritten  bool
	HalfRestored bool // a restore was killed before it changed anything
	Expensive    []Expensive
}

// Device is an attached ipsec device.
type Device struct {
	device.Attachment
	Exists, Up bool
	Detached   []loader.Hook
	Before     []Before // programs that run before ours
	OutOfStep  []device.Difference
	Unsettled  []string // settings that are no longer as attach left them
	Stale4     bool     // whether the copies of routes that %pass packets take are out of date
	Stale6     bool
	Flushed    bool // whether the policies are gone that let packets reach it
}

// Before is another program that runs before one of ours.
type Before struct {
	Dev, Program string
	Hook         loader.Hook
}

// Interface is an interface that packets come in or leave by.
type Interface struct {
	Name              string
	Ingress, Physical bool
	Exists, Up        bool
	XDP               XDP
	LRO, GRO          bool
	WithoutGRO        []string // of a physical one: the interfaces that its packets arrive on whose GRO is off
	LimitOfGRO        string   // of a physical one: why GRO does not receive all its packets; "" if it does
	Forward4          bool     // what comes in here may be forwarded
	RPFilter          int      // the value that counts: 0 off, 1 strict, 2 loose
}

// XDP is what an interface has on its XDP hook.
type XDP struct {
	Native   Support
	Program  string // name and id of the program there; "" if none
	Ours     bool
	Generic  bool   // the program there runs late, after the kernel's own receive path
	LeftToTC string // why our program leaves all frames to TC; "" if it does not, or that is in another namespace
}

// Support tells whether something can be had.
type Support int

// The kinds of support.
const (
	Unknown Support = iota // the kernel does not tell
	No
	Yes
)

// Route is a route of any table but the local one and ours.
type Route struct {
	Table  int
	Dst    netip.Prefix
	Type   int    // RTN_UNICAST, RTN_BLACKHOLE ...
	Dev    string // "" if it has none, or several
	IPsec  bool   // whether Dev is an ipsec device
	Metric int
	Taken  *Route // of those into ipsec devices: the route that packets to Dst take; nil if it is not known
}

// SA is a Security Association that eroutes name.
type SA struct {
	maps.SAUse
	Problem error         // why its state cannot be used; nil if it can
	Tunnel  bool          // whether that is in tunnel mode
	Lost    xfrm.Families // packets of these have no policy that leads to it
	Moved   netip.Addr    // where a state of this SPI is now that has the if_id of the eroutes; zero: nowhere
	Spent   string        // why XFRM refuses more packets; "" if it does not
	PeerDev string        // the interface that the peer is routed to; "" if not known
	NoRoute bool          // whether XFRM finds no route to the peer
	VRF     *VRF          // one that has a route to the peer if XFRM finds none; nil if there is none
	Foreign netip.Addr    // the state's source address if it is not the gateway's
}

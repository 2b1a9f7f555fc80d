// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Facts is a snapshot of one network namespace, the input of all checks.
type Facts struct {
	Now         time.Time
	Missing     map[Feature]error // features that the kernel lacks, and the error of the probe
	Table       *Table            // nil: there is none, or it cannot be read
	TableError  error             // why it cannot be read
	Devices     []Device
	Interfaces  []Interface         // ingress and physical interfaces of the devices; without devices, all
	Members     map[string][]string // members of bonds and bridges, by the names of these
	Routes      []Route
	Exits       []Exit // interfaces that are not watched and by which protected packets can leave
	Eroutes4    bool   // whether there are eroutes of the family; only if an interface is watched
	Eroutes6    bool
	InPolicies  bool                // XFRM has in or fwd policies that require an SA
	Preceding   *Preceding          // an XFRM policy that applies before an eroute on a watched interface; nil: none
	Following   *Following          // how the table follows the policies of XFRM; nil: it does not
	BlindToNAT  bool                // whether the programs cannot read the source before NAT
	Translated  []eroute.Selector   // some eroutes that protect, if source NAT has changed packets of such
	SAs         []SA                // SAs that eroutes name
	Usages      []xfrm.Usage        // lifetimes of all states
	Listeners   int                 // number of sockets that receive ACQUIREs
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
	Exists, Up  bool
	Detached    []loader.Hook
	Before      []Foreign // foreign programs that run before ours
	After       []Foreign // foreign programs that run after that of a watched interface
	Filters     []Filter  // of tc(8), which run after all programs on the egress of watched interfaces
	Differences []device.Difference
	Drift       []string // settings changed since attach
	Stale4      bool     // whether the copies of the routes for %pass packets are out of date
	Stale6      bool
	Flushed     bool // whether the policies that admit packets to it are missing
}

// Foreign is a foreign program that runs before or after one of ours.
type Foreign struct {
	Dev, Program string
	Hook         loader.Hook
}

// Interface is an interface that packets arrive on or leave through.
type Interface struct {
	Name              string
	Ingress, Physical bool
	Exists, Up        bool
	XDP               XDP
	LRO, GRO          bool
	WithoutGRO        []string // of a physical one: interfaces with GRO off that its packets arrive on
	LimitOfGRO        string   // of a physical one: why GRO does not receive all its packets; "" if it does
	Forward4          bool     // whether packets that arrive here may be forwarded
	RPFilter          int      // the effective value: 0 off, 1 strict, 2 loose
}

// XDP describes the XDP hook of an interface.
type XDP struct {
	Native   Support
	Program  string // name and ID of the attached program; "" if none
	Ours     bool
	Generic  bool   // the program runs in generic mode, after the kernel's own receive path
	LeftToTC string // why our program leaves all frames to TC; "" if it does not, or if unknown, see leftToTC
}

// Support is whether a feature is supported.
type Support int

// The values of Support.
const (
	Unknown Support = iota // the kernel does not report it
	No
	Yes
)

// Route is a route of any table except the local table and ours.
type Route struct {
	Table  int
	Dst    netip.Prefix
	Type   int      // RTN_UNICAST, RTN_BLACKHOLE ...
	Dev    string   // "" if it has none, or several
	Devs   []string // if it has several
	IPsec  bool     // whether Dev is an ipsec device
	Metric int
	Taken  *Route // of routes into ipsec devices: the route that packets to Dst take; nil if unknown
}

// SA is a Security Association that eroutes name.
type SA struct {
	maps.SAUse
	Problem error         // why its state cannot be used; nil if it can
	Tunnel  bool          // whether its state is in tunnel mode
	OneCPU  bool          // whether its state is bound to a CPU
	Lost    xfrm.Families // families whose packets have no policy that leads to the SA
	Absent  []string      // SAs of a bundle that do not exist, or the SA itself
	Moved   netip.Addr    // destination of a migrated state with this SPI and an if_id of ours; zero: there is none
	Spent   string        // why XFRM refuses more packets; "" if it does not
	PeerDev string        // the interface through which the peer is reached; "" if unknown
	NoRoute bool          // whether XFRM finds no route to the peer
	VRF     *VRF          // a VRF with a route to the peer if XFRM finds none; nil: there is none
	Foreign netip.Addr    // the state's source address if it is not one of the gateway
}

// devs returns the interfaces that a route leads to.
func (r *Route) devs() []string {
	if len(r.Devs) > 0 {
		return r.Devs
	}
	return []string{r.Dev}
}

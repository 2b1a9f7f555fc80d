// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
)

// The protocols, modes and suites of a [Tunnel].
const (
	ESP  = "esp"
	AH   = "ah"
	COMP = "comp"

	TunnelMode    = "tunnel"
	TransportMode = "transport"

	// GCM is AES-GCM with a tag of 128 bits, CBC is AES-CBC with HMAC-SHA-256, Null has neither cipher nor HMAC.
	// These are for ESP: AH has HMAC-SHA-256, IPComp deflate.
	GCM  = "gcm"
	CBC  = "cbc"
	Null = "null"
)

// Tunnel describes a Security Association: one direction, from one node to another. Zero fields other than
// From and To have the defaults named here.
type Tunnel struct {
	From, To *Node
	// Src and Dst are the outer addresses: the nodes' WAN4.
	Src, Dst netip.Addr
	// Proto is ESP, AH or COMP: ESP.
	Proto string
	// Mode is TunnelMode or TransportMode: TunnelMode.
	Mode string
	// Suite is GCM, CBC or Null: GCM.
	Suite string
	// SPI is random by default; for COMP it is the CPI, of 16 bits.
	SPI uint32
	// ReqID is the state's reqid: 0.
	ReqID uint32
	// IfID is the if_id of From's state: 0.
	IfID uint32
	// OneCPU binds From's state to the CPU with the number CPU (XFRMA_SA_PCPU, Linux 6.13).
	OneCPU bool
	CPU    uint32
	// NoReplayWindow lets To accept a packet any number of times.
	NoReplayWindow bool
	// AnyFamily sets the state's af-unspec flag: a tunnel may carry either family.
	AnyFamily bool
}

// Reverse is the tunnel of the other direction, with the same fields except its SPI, which is random.
func (t Tunnel) Reverse() Tunnel {
	t.From, t.To, t.Src, t.Dst, t.SPI = t.To, t.From, t.Dst, t.Src, 0
	return t
}

// SAID is the SA's name as ipsec_eroute(8) writes it, by its own protocol.
func (t Tunnel) SAID() string { return fmt.Sprintf("%s0x%x@%s", t.Proto, t.SPI, t.Dst) }

// TunSAID is the SA's name with the protocol "tun", for tunnel mode.
func (t Tunnel) TunSAID() string { return fmt.Sprintf("tun0x%x@%s", t.SPI, t.Dst) }

// complete fills in the defaults.
func (t Tunnel) complete() Tunnel {
	t.Proto, t.Mode, t.Suite = cmp.Or(t.Proto, ESP), cmp.Or(t.Mode, TunnelMode), cmp.Or(t.Suite, GCM)
	t.Src, t.Dst = cmp.Or(t.Src, t.From.WAN4), cmp.Or(t.Dst, t.To.WAN4)
	if t.SPI == 0 {
		// Up to 255 is reserved (RFC 4303 section 2.1), from 61440 for private
		// use as CPI (RFC 3173 section 3.3).
		t.SPI = 0x100 + rand.Uint32N(61440-0x100)
	}
	return t
}

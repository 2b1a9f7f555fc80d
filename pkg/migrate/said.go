// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// eroute returns the eroute for an outbound policy, with a remark if it is not quite equivalent, or why there is
// none.
func (k Kernel) eroute(p xfrm.Policy) (e eroute.Eroute, remark string, err error) {
	if e.Selector, err = Selector(p); err != nil {
		return e, "", err
	}
	if p.Ends {
		remark = "its lifetime is not imported"
	}
	switch {
	case p.Block:
		e.SAID = eroute.Drop
		return e, remark, nil
	case len(p.Templates) == 0:
		e.SAID = eroute.Pass
		return e, remark, nil
	case len(p.Templates) > 1:
		if e.SAID, err = k.bundle(p.Templates, e.Selector); err != nil {
			err = fmt.Errorf("it has %d templates: %w", len(p.Templates), err)
		}
		return e, remark, err
	}
	t := p.Templates[0]
	if t.Optional {
		remark = "without an SA it sends packets in clear (level use); the eroute drops them"
	}
	if err := checkMode(t); err != nil {
		return e, "", err
	}
	if k.Negotiated && t.ReqID != 0 {
		e.SAID, e.Acquire = eroute.Trap, acquireParams(t)
		if err := e.Acquire.Validate(); err != nil {
			return e, remark, err
		}
		// The kernel's policy supplies them at run time, when reqids and peers may differ.
		if t.Proto == eroute.ProtoESP || t.Proto == eroute.ProtoAH {
			e.Acquire = eroute.AcquireParams{}
		}
		if remark == "" && e.Selector.Dst.IsSingleIP() {
			remark = "it covers a single host: if the address is assigned dynamically, use one %trap eroute for the whole address pool"
		}
		return e, remark, nil
	}
	e.SAID, err = k.said(t, e.Selector)
	return e, remark, err
}

func checkMode(t xfrm.Template) error {
	if t.Mode != xfrm.ModeTunnel && t.Mode != xfrm.ModeTransport {
		return fmt.Errorf("mode %s is not supported", t.Mode)
	}
	return nil
}

// bundle returns the bundle of the SAs for templates. A bundle does not say the modes of its SAs, so an SA that exists must
// have the mode of its template.
func (k Kernel) bundle(templates []xfrm.Template, s eroute.Selector) (eroute.SAID, error) {
	var sas []eroute.SAID
	for i, t := range templates {
		if k.Negotiated && t.SPI == 0 {
			return eroute.SAID{}, errors.New("a key manager listens, and a %trap asks for one SA")
		}
		if t.Optional {
			return eroute.SAID{}, errors.New("one is optional (level use)")
		}
		if err := checkMode(t); err != nil {
			return eroute.SAID{}, err
		}
		if i > 0 && t.Mode == xfrm.ModeTransport { // its addresses are those of the template before it
			t.Src, t.Dst = templates[i-1].Src, templates[i-1].Dst
		}
		sa, err := k.said(t, s)
		if err != nil {
			return eroute.SAID{}, err
		}
		sa.Proto = t.Proto
		state, exists := k.States[xfrm.StateKey{Proto: sa.Proto, SPI: sa.SPI, Dst: sa.Dst}]
		if exists && state.Mode != t.Mode {
			return eroute.SAID{}, fmt.Errorf("%s is in %s mode, its template in %s mode", sa, state.Mode, t.Mode)
		}
		sas = append(sas, sa)
	}
	return eroute.NewBundle(sas...)
}

// acquireParams returns the ACQUIRE parameters for a template.
func acquireParams(t xfrm.Template) eroute.AcquireParams {
	a := eroute.AcquireParams{Mode: eroute.Mode(t.Mode), Proto: t.Proto, ReqID: t.ReqID}
	if t.Dst.IsValid() && !t.Dst.IsUnspecified() {
		a.Peer = t.Dst
	}
	return a
}

// said returns the SA for a template: the one with its SPI, or the newest existing one.
func (k Kernel) said(t xfrm.Template, s eroute.Selector) (eroute.SAID, error) {
	peer := t.Dst
	if !peer.IsValid() || peer.IsUnspecified() {
		if !s.Dst.IsSingleIP() {
			return eroute.SAID{}, errors.New("its template has no fixed peer, but an SA has one")
		}
		peer = s.Dst.Addr()
	}
	spi := t.SPI
	if spi == 0 {
		var newest uint64
		for key, state := range k.States {
			if key.Proto == t.Proto && key.Dst == peer && state.Mode == t.Mode && from(state.Src, t.Src) &&
				(t.ReqID == 0 || state.ReqID == t.ReqID) && state.IfID == 0 && !state.OneCPU && state.Added >= newest {
				spi, newest = key.SPI, state.Added
			}
		}
	}
	if spi == 0 {
		return eroute.SAID{}, fmt.Errorf("no SA matches its template (%s in %s mode to %s, reqid %d)",
			eroute.ProtocolName(t.Proto), t.Mode, peer, t.ReqID)
	}
	said := eroute.SAID{Proto: t.Proto, SPI: spi, Dst: peer}
	if t.Mode == xfrm.ModeTunnel {
		said.Proto = eroute.ProtoTun
	}
	return said, said.Validate()
}

// from reports whether a state's source matches the one of a template.
func from(src, demanded netip.Addr) bool {
	return !demanded.IsValid() || demanded.IsUnspecified() || src == demanded
}

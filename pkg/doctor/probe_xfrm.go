// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var errUnsupported = errors.New("not supported by this kernel")

func probeXFRM() error {
	h, err := xfrm.Open()
	if err != nil {
		return err
	}
	return h.Close()
}

func probeXFRMInterface() error { return xfrm.InNewNamespace(device.ProbeXFRM) }

func probeXFRMInfo() error {
	if !loader.HasXFRMInfo() {
		return errUnsupported
	}
	return nil
}

func probeESP4() error  { return probeState(eroute.ProtoESP, xfrm.IPv4) }
func probeESP6() error  { return probeState(eroute.ProtoESP, xfrm.IPv6) }
func probeAH4() error   { return probeState(eroute.ProtoAH, xfrm.IPv4) }
func probeAH6() error   { return probeState(eroute.ProtoAH, xfrm.IPv6) }
func probeComp4() error { return probeState(eroute.ProtoComp, xfrm.IPv4) }
func probeComp6() error { return probeState(eroute.ProtoComp, xfrm.IPv6) }

func probeState(proto uint8, family xfrm.Families) error {
	has, err := xfrm.Available(proto, family)
	if err == nil && !has {
		err = errUnsupported
	}
	return err
}

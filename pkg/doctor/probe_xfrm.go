// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

var (
	errUnsupported = errors.New("not supported by this kernel")
	errNoIPv6      = errors.New("they require IPv6, which this kernel was booted without")
)

func probeXFRM() error {
	h, err := xfrm.Open()
	if err != nil {
		return err
	}
	return h.Close()
}

// probeXFRMInterface names the cause on a kernel booted with ipv6.disable=1, which has the module but does not
// load it.
func probeXFRMInterface() error {
	err := xfrm.InNewNamespace(device.ProbeXFRM)
	if errors.Is(err, unix.EOPNOTSUPP) && !hasIPv6() {
		return errNoIPv6
	}
	return err
}

// hasIPv6 reports whether the kernel was built and booted with IPv6.
func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return !errors.Is(err, unix.EAFNOSUPPORT)
}

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

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PPP makes interfaces ppp0 of both gateways, which carry packets over PPPoE (RFC 2516) on their WAN interfaces, as to an
// access provider. They end when they are closed.
func (l *Lab) PPP() (*PPP, error) {
	p := &PPP{}
	for _, end := range [][2]*Node{{l.East, l.West}, {l.West, l.East}} {
		var peer *net.Interface
		err := end[1].Do(func() (err error) {
			peer, err = net.InterfaceByName(WAN)
			return err
		})
		if err == nil {
			err = end[0].Do(func() error { return p.open(peer.HardwareAddr) })
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("PPP on %s: %w", end[0].Name, err), p.Close())
		}
	}
	return p, nil
}

// PPP is a pair of PPP interfaces.
type PPP struct{ files []*os.File }

// Close removes the interfaces.
func (p *PPP) Close() error {
	var errs []error
	for _, f := range p.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Protocols of PPP interfaces, and what becomes of their packets (linux/ppp_defs.h).
const (
	pppIP       = 0x21
	pppIPv6     = 0x57
	npModePass  = 0
	pppoeKind   = 0 // PX_PROTO_OE
	pppoeNumber = 1 // the session
	pppDevice   = "/dev/ppp"
)

// open makes an interface in the network namespace of the thread, as pppd does after discovery: a channel, which is a
// socket, and a unit, which is the interface.
func (p *PPP) open(peer net.HardwareAddr) error {
	socket, err := unix.Socket(unix.AF_PPPOX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, pppoeKind)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	p.files = append(p.files, os.NewFile(uintptr(socket), "pppoe"))
	if err := unix.Connect(socket, &unix.SockaddrPPPoE{SID: pppoeNumber, Remote: peer, Dev: WAN}); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	channel, err := unix.IoctlGetInt(socket, unix.PPPIOCGCHAN)
	if err != nil {
		return fmt.Errorf("PPPIOCGCHAN: %w", err)
	}
	var fds [2]int // of the channel and the unit
	for i := range fds {
		f, err := os.OpenFile(pppDevice, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		p.files = append(p.files, f)
		fds[i] = int(f.Fd())
	}
	unit := int32(-1) // any
	if err := pppIoctl(fds[1], unix.PPPIOCNEWUNIT, unsafe.Pointer(&unit)); err != nil {
		return fmt.Errorf("PPPIOCNEWUNIT: %w", err)
	}
	for _, proto := range []int32{pppIP, pppIPv6} {
		mode := [2]int32{proto, npModePass}
		if err := pppIoctl(fds[1], unix.PPPIOCSNPMODE, unsafe.Pointer(&mode)); err != nil {
			return fmt.Errorf("PPPIOCSNPMODE: %w", err)
		}
	}
	return errors.Join(
		unix.IoctlSetPointerInt(fds[0], unix.PPPIOCATTCHAN, channel),
		unix.IoctlSetPointerInt(fds[0], unix.PPPIOCCONNECT, int(unit)))
}

func pppIoctl(fd int, request uint, value unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(value)); errno != 0 {
		return errno
	}
	return nil
}

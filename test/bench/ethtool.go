// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setQueues gives a veth of the calling thread's namespace a queue for each CPU, like "ethtool -L DEV rx N tx
// N".
func setQueues(dev string) error {
	// struct ethtool_channels (include/uapi/linux/ethtool.h)
	channels := struct{ cmd, maxRx, maxTx, maxOther, maxCombined, rx, tx, other, combined uint32 }{cmd: unix.ETHTOOL_SCHANNELS}
	channels.rx, channels.tx = uint32(runtime.NumCPU()), uint32(runtime.NumCPU())
	return ethtool(dev, unsafe.Pointer(&channels))
}

// mergeSegments turns GRO on ("ethtool -K DEV gro on"): without it or an XDP program, a veth accepts no
// frames from XDP.
func mergeSegments(dev string) error {
	value := struct{ cmd, data uint32 }{unix.ETHTOOL_SGRO, 1}
	return ethtool(dev, unsafe.Pointer(&value))
}

func ethtool(dev string, command unsafe.Pointer) error {
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: command}
	copy(request.name[:], dev)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	runtime.KeepAlive(command)
	if errno != 0 {
		return fmt.Errorf("ethtool %s: %w", dev, errno)
	}
	return nil
}

// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"os"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// mergeSegments turns GRO of a device on or off ("ethtool -K DEV gro on"). With an XDP program on it the
// other end sends no large segments; GRO merges small ones.
func mergeSegments(t *testing.T, n *lab.Node, dev string, on bool) {
	t.Helper()
	value := struct{ cmd, data uint32 }{cmd: unix.ETHTOOL_SGRO}
	if on {
		value.data = 1
	}
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [16]byte
	}{data: unsafe.Pointer(&value)}
	copy(request.name[:], dev)
	err := n.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
		if errno != 0 {
			return os.NewSyscallError("ioctl", errno)
		}
		return nil
	})
	runtime.KeepAlive(&value)
	if err != nil {
		t.Fatal(err)
	}
}

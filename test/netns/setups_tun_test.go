// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// A TUN device, without link-layer headers, is watched like others: tun0 is the WAN of both gateways.
func TestSetupsTUN(t *testing.T) {
	g := newDetached(t)
	east, west := openTUN(t, g.East), openTUN(t, g.West)
	pump(east, west)
	pump(west, east)
	for _, n := range []*lab.Node{g.West, g.East} {
		batch(t, n, "link set tun0 up")
		if err := g.MoveWAN(t.Context(), n, "tun0", ""); err != nil {
			t.Fatal(err)
		}
	}
	g.waitThrough(t)
	g.attachAs(t, device.Config{Virtual: ipsec0, Physical: "tun0"})
	g.limitICMP(t, false)
	g.protects(t, delivery{dev: "tun0"})
}

// openTUN creates tun0 on a node, which exists until the test ends.
func openTUN(t *testing.T, n *lab.Node) (f *os.File) {
	t.Helper()
	err := n.Do(func() error {
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		request, err := unix.NewIfreq("tun0")
		if err != nil {
			return err
		}
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
			return err
		}
		f = os.NewFile(uintptr(fd), "tun0")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// pump carries packets from one TUN device to another until one is closed.
func pump(from, to *os.File) {
	go func() {
		packet := make([]byte, 1<<16)
		for {
			n, err := from.Read(packet)
			if err != nil {
				return
			}
			_, _ = to.Write(packet[:n]) // lost, as on any link, if the device is down
		}
	}()
}

// SPDX-License-Identifier: Apache-2.0

package ifname_test

import (
	"errors"
	"net"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/ifname"
)

// TestLookup compares the names of all interfaces with those of a dump, in the thread's network namespace.
func TestLookup(t *testing.T) {
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ns.Close() }()
	const longest = "fifteen-letters"
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: longest, Index: 70000}}); err != nil {
		t.Fatal(err)
	}
	all, err := net.Interfaces()
	if err != nil || len(all) < 2 {
		t.Fatalf("%d interfaces, %v", len(all), err)
	}
	for _, i := range all {
		if name, err := ifname.Lookup(i.Index); err != nil || name != i.Name || ifname.Text(i.Index) != name {
			t.Errorf("interface %d: %q, %v, want %q", i.Index, name, err, i.Name)
		}
	}
	if name, err := ifname.Lookup(70001); !errors.Is(err, unix.ENODEV) {
		t.Errorf("missing interface: %q, %v", name, err)
	}
	if text := ifname.Text(70001); text != "interface 70001" {
		t.Errorf("missing interface: %q", text)
	}
}

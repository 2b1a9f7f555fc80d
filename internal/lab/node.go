// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Node is one machine of a lab: a host or a gateway, in its own network
// namespace.
type Node struct {
	// Name is the node's name within its lab: easthost, east, west, westhost.
	Name string
	// Namespace is the name of the network namespace, in the form of ip-netns(8).
	Namespace string
	// LAN4 and LAN6 are the addresses on a host's eth0 or a gateway's lan.
	LAN4, LAN6 netip.Addr
	// WAN4 and WAN6 are the addresses on a gateway's wan; a host has none.
	WAN4, WAN6 netip.Addr

	ns    netns.NsHandle
	nl    *netlink.Handle
	links map[string]macs // by device

	mu       sync.Mutex
	admitted int // SAs that need the policies of admit
}

// newNode creates a namespace with its settings, without devices.
func newNode(name, namespace string, forward bool) (*Node, error) {
	n := &Node{Name: name, Namespace: namespace, links: map[string]macs{}}
	err := inThread(func() (err error) {
		n.ns, err = netns.NewNamed(namespace) // switches this thread to it
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", namespace, err)
	}
	if n.nl, err = netlink.NewHandleAt(n.ns, unix.NETLINK_ROUTE, unix.NETLINK_XFRM); err != nil {
		return nil, errors.Join(fmt.Errorf("open netlink in %s: %w", namespace, err), n.Delete())
	}
	if err := n.configure(forward); err != nil {
		return nil, errors.Join(err, n.Delete())
	}
	return n, nil
}

// configure sets the defaults that devices inherit, and the loopback up.
func (n *Node) configure(forward bool) error {
	settings := map[string]string{
		"net/ipv4/conf/all/rp_filter":      "0",
		"net/ipv4/conf/default/rp_filter":  "2", // loose, as systemd on Debian sets it
		"net/ipv6/conf/all/disable_ipv6":   "0",
		"net/ipv6/conf/default/accept_dad": "0",
		"net/ipv6/conf/default/accept_ra":  "0",
	}
	if forward {
		settings["net/ipv4/ip_forward"] = "1"
		settings["net/ipv6/conf/all/forwarding"] = "1"
	}
	if !kernelHasIPv6() {
		maps.DeleteFunc(settings, func(name, _ string) bool { return strings.HasPrefix(name, "net/ipv6/") })
	}
	for name, value := range settings {
		if err := n.Sysctl(name, value); err != nil {
			return err
		}
	}
	lo, err := n.nl.LinkByName("lo")
	if err == nil {
		err = n.nl.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("set up lo in %s: %w", n.Namespace, err)
	}
	return nil
}

// kernelHasIPv6 reports whether the kernel was booted with IPv6.
func kernelHasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

// Sysctl sets a kernel setting in the node's namespace. The name is written
// with slashes (net/ipv4/ip_forward) or dots.
func (n *Node) Sysctl(name, value string) error {
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	err := n.Do(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644) })
	if err != nil {
		return fmt.Errorf("set %s in %s: %w", name, n.Namespace, err)
	}
	return nil
}

// Do runs f on the calling goroutine, with its thread in the node's network namespace. Sockets that f opens
// remain in it; goroutines that f starts do not run in it. Calls may nest. Mounts are those of the process:
// /sys shows the namespace the process was started in, see [Node.Command].
//
// Returns the error of f unchanged.
func (n *Node) Do(f func() error) error {
	return inThread(func() error {
		if err := netns.Set(n.ns); err != nil {
			return fmt.Errorf("enter namespace %s: %w", n.Namespace, err)
		}
		return f()
	})
}

// inThread runs f with the goroutine locked to its thread, and afterwards returns the thread to its previous
// network namespace. A thread that cannot return stays locked, so that the runtime ends it with its
// goroutine.
func inThread(f func() error) error {
	runtime.LockOSThread()
	before, err := netns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("get network namespace: %w", err)
	}
	defer func() {
		if netns.Set(before) == nil {
			runtime.UnlockOSThread()
		}
		before.Close()
	}()
	return f()
}

// Delete removes the node's namespace, as [Lab.Close] does for all. Open sockets in it keep it alive.
func (n *Node) Delete() error {
	if n.Namespace == "" {
		return nil
	}
	name := n.Namespace
	n.Namespace = ""
	if n.nl != nil {
		n.nl.Close()
	}
	n.ns.Close()
	if err := netns.DeleteNamed(name); err != nil {
		return fmt.Errorf("delete namespace %s: %w", name, err)
	}
	return nil
}

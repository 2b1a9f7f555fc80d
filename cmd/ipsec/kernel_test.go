// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/metrics"
)

// kernel is a network namespace with the interfaces wan and lan.
type kernel struct{ ns netns.NsHandle }

func newKernelBackend(e *testscript.Env) (backend, error) {
	k := &kernel{}
	var err error
	inThread(func() {
		if k.ns, err = netns.New(); err != nil {
			err = fmt.Errorf("new network namespace (needs root): %w", err)
			return
		}
		for _, name := range []string{"wan", "lan"} {
			link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name, MTU: 1500}, PeerName: name + "-peer"}
			err = errors.Join(err, netlink.LinkAdd(link))
		}
	})
	e.Defer(k.remove)
	return k, err
}

// inThread calls f in a thread that exits afterwards.
func inThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}

func (k *kernel) do(f func()) {
	inThread(func() {
		if err := netns.Set(k.ns); err != nil {
			panic(err)
		}
		f()
	})
}

func (k *kernel) openers(e *env) {
	system := systemEnv()
	e.kernel = system.kernel
	e.openRead, e.openWrite = system.openRead, system.openWrite
	e.openWatch = func() (t metrics.Table, err error) {
		k.do(func() { t, err = system.openWatch() })
		return t, err
	}
	e.openDevicesRead, e.openDevicesWrite = system.openDevicesRead, system.openDevicesWrite
	e.checkInterfaces = system.checkInterfaces
	e.saids = system.saids
}

// remove unpins the table, if there is one.
func (k *kernel) remove() {
	k.do(func() {
		t, err := maps.OpenRead()
		if errors.Is(err, loader.ErrNoTable) {
			return
		}
		if err := errors.Join(err, t.Dir().Remove(), t.Close(), k.ns.Close()); err != nil {
			panic(err)
		}
	})
}

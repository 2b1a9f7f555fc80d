// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/doctor"
)

// A device is attached, examined and detached while other interfaces are created and deleted.
func TestAttachUnderLinkChanges(t *testing.T) {
	g := newDetached(t)
	var handle *netlink.Handle
	err := g.East.Do(func() (err error) {
		handle, err = netlink.NewHandle()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer handle.Close()
	bridge := func(i int) netlink.Link {
		return &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprint("br", i)}}
	}
	const links = 200
	for i := range links {
		if err := handle.LinkAdd(bridge(i)); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var churn sync.WaitGroup
	churn.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
			if err := errors.Join(handle.LinkAdd(bridge(links)), handle.LinkDel(bridge(links))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	defer churn.Wait()
	defer close(stop)
	for range 2 {
		g.attach(t, ipsec0, lab.WAN, lab.LAN)
		err := g.East.Do(func() error {
			_, err := doctor.Gather()
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if err := g.detach(ipsec0); err != nil {
			t.Fatal(err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testlab"
)

// newLab is a lab that exists until the test ends.
func newLab(t *testing.T) *lab.Lab { return testlab.New(t, "labtest") }

// within is a context that ends with the test or after a time.
func within(t *testing.T, d time.Duration) context.Context { return testlab.Within(t, d) }

// startCapture captures until stop; the frames of a failed test are kept in a file.
func startCapture(t *testing.T, n *lab.Node, dev string) (stop func() lab.Frames) {
	t.Helper()
	c, err := n.Capture(dev)
	if err != nil {
		t.Fatal(err)
	}
	return stopper(t, n.Name+"-"+dev, c)
}

// stopper returns a function that ends a capture of that name and returns its frames.
func stopper(t *testing.T, name string, c *lab.Capture) (stop func() lab.Frames) {
	return func() lab.Frames {
		t.Helper()
		frames, err := c.Stop()
		if err != nil {
			t.Error(err)
		}
		t.Cleanup(func() {
			if !t.Failed() {
				return
			}
			file, err := os.CreateTemp(os.Getenv("VM_SCRATCH"), name+"-*.pcap")
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(file.Close(), frames.WritePCAP(file.Name())); err != nil {
				t.Fatal(err)
			}
			t.Logf("capture: %s", file.Name())
		})
		return frames
	}
}

// family contains the data of one family for tests that run once per family.
type family struct {
	name                     string
	eastHost, east, westHost netip.Addr
	westWAN                  netip.Addr
}

func families(l *lab.Lab) []family {
	return []family{
		{"v4", l.EastHost.LAN4, l.East.LAN4, l.WestHost.LAN4, l.West.WAN4},
		{"v6", l.EastHost.LAN6, l.East.LAN6, l.WestHost.LAN6, l.West.WAN6},
	}
}

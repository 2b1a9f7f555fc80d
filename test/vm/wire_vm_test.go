// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"errors"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// wire captures the packets between the gateways until stop; the frames of a failed test are kept in a file.
func (b bench) wire(t *testing.T) (stop func() lab.Frames) {
	t.Helper()
	c, err := b.CaptureWire()
	if err != nil {
		t.Fatal(err)
	}
	return stopper(t, c, "wire")
}

// watch captures a device as wire does.
func watch(t *testing.T, n *lab.Node, dev string) (stop func() lab.Frames) {
	t.Helper()
	c, err := n.Capture(dev)
	if err != nil {
		t.Fatal(err)
	}
	return stopper(t, c, n.Name+"-"+dev)
}

func stopper(t *testing.T, c *lab.Capture, name string) func() lab.Frames {
	stop := sync.OnceValue(func() lab.Frames {
		frames, err := c.Stop()
		if err != nil {
			t.Error(err)
		}
		return frames
	})
	t.Cleanup(func() {
		frames := stop()
		if t.Failed() {
			keep(t, frames, name)
		}
	})
	return stop
}

// keep writes frames to a permanent file.
func keep(t *testing.T, frames lab.Frames, name string) {
	t.Helper()
	file, err := os.CreateTemp(os.Getenv("VM_SCRATCH"), name+"-*.pcap")
	if err != nil {
		t.Error(err)
		return
	}
	if err := errors.Join(file.Close(), frames.WritePCAP(file.Name())); err != nil {
		t.Error(err)
		return
	}
	t.Logf("%s: %d frames in %s", name, len(frames), file.Name())
}

// checkOnly fails if a frame has none of the IP protocols, or content that must be protected. Neighbour
// discovery, which has no SA, is permitted.
func checkOnly(t *testing.T, frames lab.Frames, protos ...layers.IPProtocol) {
	t.Helper()
	inClear, first := 0, lab.Header{}
	for _, f := range frames {
		h, ok := f.Header()
		if !ok || slices.Contains(protos, h.Proto) || isDiscovery(f) {
			continue
		}
		if inClear++; inClear == 1 {
			first = h
		}
	}
	if inClear != 0 {
		t.Errorf("%d frames in clear, the first %+v", inClear, first)
	}
	if n := frames.Containing([]byte(lab.Marker)); n != 0 && !slices.Contains(protos, layers.IPProtocolAH) {
		t.Errorf("%d frames have the content in clear", n)
	}
}

// isDiscovery reports whether a frame is neighbour discovery (RFC 4861).
func isDiscovery(f lab.Frame) bool {
	l, ok := f.Packet().Layer(layers.LayerTypeICMPv6).(*layers.ICMPv6)
	return ok && l.TypeCode.Type() >= layers.ICMPv6TypeRouterSolicitation &&
		l.TypeCode.Type() <= layers.ICMPv6TypeRedirect
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrCaptureLoss is the error of a capture whose buffer overflowed: frames are missing from it.
var ErrCaptureLoss = errors.New("capture lost frames")

// Capture records the frames of one or several devices, in order of arrival.
//
// A received frame is recorded after native XDP and before everything else; a sent one after everything else.
// A large segment that the device segments is one frame. A decapsulated packet is recorded again, as received
// by the device that received the tunnel's packet, or by the XFRM interface if there is one: see
// [Lab.CaptureWire].
type Capture struct {
	taps []*tap
	wg   sync.WaitGroup

	mu     sync.Mutex
	frames Frames
}

// Capture starts to record a device of the node, both directions. It contains every frame the device sends or
// receives after Capture has returned.
func (n *Node) Capture(dev string) (*Capture, error) {
	c := &Capture{}
	if err := c.tap(n, dev, false); err != nil {
		return nil, err
	}
	return c, nil
}

// CaptureWire starts to record the wire between the gateways: the frames that either of them sends on its
// wan.
func (l *Lab) CaptureWire() (*Capture, error) {
	c := &Capture{}
	for _, n := range []*Node{l.East, l.West} {
		if err := c.tap(n, WAN, true); err != nil {
			_, stopErr := c.Stop()
			return nil, errors.Join(err, stopErr)
		}
	}
	return c, nil
}

// tap adds a device to the capture, or only the frames it sends.
func (c *Capture) tap(n *Node, dev string, outgoing bool) error {
	t, err := newTap(n, dev)
	if err != nil {
		return fmt.Errorf("capture %s of %s: %w", dev, n.Name, err)
	}
	c.taps = append(c.taps, t)
	c.wg.Go(func() {
		t.run(func(f Frame) {
			if outgoing && !f.Outgoing {
				return
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			c.frames = append(c.frames, f)
		})
	})
	return nil
}

// Stop ends the capture and returns its frames, including those queued by the kernel when Stop was called.
// Call it once.
//
// Returns [ErrCaptureLoss], with the recorded frames, if any was lost.
func (c *Capture) Stop() (Frames, error) {
	var errs []error
	for _, t := range c.taps {
		errs = append(errs, t.stop())
	}
	c.wg.Wait()
	for _, t := range c.taps {
		errs = append(errs, t.err, t.file.Close())
	}
	return c.Frames(), errors.Join(errs...)
}

// Frames returns the frames recorded so far.
func (c *Capture) Frames() Frames {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.frames)
}

// Wait waits until the capture has count frames that match.
//
// Returns an error that wraps the context's error if it ends first.
func (c *Capture) Wait(ctx context.Context, m Match, count int) error {
	for {
		got := c.Frames().Count(m)
		if got >= count {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %d frames of %+v: have %d: %w", count, m, got, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

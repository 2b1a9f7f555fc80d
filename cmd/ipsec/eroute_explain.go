// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
)

// explain prints for each packet which eroutes match, which wins and why, and what happens next. Returns an error
// if the kernel program and the table disagree about any.
func (c *command) explain(packets []eroute.Packet) (err error) {
	devices, err := c.listDevices()
	if err != nil {
		return err
	}
	kernel, err := c.env.kernel()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Close()) }()
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	c.note("packets to explain: %d", len(packets))
	explanations, err := explain.Packets(t, kernel, devices, packets)
	if err != nil {
		return err
	}
	inconsistent := 0
	all := func(yield func(*explain.Explanation, error) bool) {
		for e, err := range explanations {
			if err == nil && !e.Consistent() {
				inconsistent++
			}
			if !yield(e, err) {
				return
			}
		}
	}
	write := render.Explanations
	if c.opts.Has(erouteargs.OptJSON) {
		write = render.ExplanationsJSON
	}
	err = write(c.out, all)
	if err == nil && inconsistent > 0 {
		err = fmt.Errorf("the kernel program and the table disagree about %d of %d packets: the table is damaged or being changed; if this persists, rebuild it by --save, --clear and --batch", inconsistent, len(packets))
	}
	return err
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/render"
)

// runStats implements --stats: it prints the fill level of the table, and the packets counted by eroutes and then
// by XFRM.
func runStats(c *command) (err error) {
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	stats, err := t.Stats()
	if err != nil {
		return err
	}
	xfrm, err := c.xfrmErrors()
	if err != nil {
		return err
	}
	if c.opts.Has(erouteargs.OptJSON) {
		return render.StatsJSON(c.out, &stats, xfrm)
	}
	return render.Stats(c.out, &stats, xfrm, c.opts.Has(erouteargs.OptAll))
}

// xfrmErrors returns the kernel's counters of packets that XFRM dropped, nil if this kernel has none.
func (c *command) xfrmErrors() (map[string]uint64, error) {
	counters, err := c.env.xfrmCounters()
	if errors.Is(err, fs.ErrNotExist) {
		c.note("this kernel has no XFRM counters (CONFIG_XFRM_STATISTICS)")
		return nil, nil
	}
	return counters, err
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/prune"
)

// defaultKeep is the default of --keep.
const defaultKeep = "20"

var pruneOptions = cli.Options{
	{Name: "keep", Arg: "N", Group: "Options", Help: "keep the N newest revisions in any case; default " + defaultKeep},
	{Name: "check", Group: "Options", Help: "print what would be removed, but remove nothing"},
}

func runPrune(c *command, ctx context.Context) error {
	text := cmp.Or(c.value("keep"), defaultKeep)
	keep, err := strconv.ParseUint(text, 10, 31)
	if err != nil || keep == 0 {
		return fmt.Errorf("--keep value %q: want a number of revisions", text)
	}
	check := c.opts.HasName("check")
	return c.asOperator(ctx, func(o *operator) error {
		p := prune.Pruner{Store: o.store, Keys: o.keys, Author: o.author(), Keep: int(keep), Check: check}
		removed, err := p.Run(ctx)
		word := "removed"
		if check {
			word = "would remove"
		}
		for _, id := range removed.Revisions {
			_, _ = fmt.Fprintln(c.out, word, "revision", fleet.ShortID(id))
		}
		if err == nil {
			_, err = fmt.Fprintf(c.out, "%s %d revisions and %d snapshots, %d revisions remain\n", word, len(removed.Revisions), removed.Blobs, removed.Kept)
		}
		return err
	})
}

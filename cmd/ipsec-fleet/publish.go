// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/guard"
	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/fleet/publish"
	"github.com/ipsec-eroute/eroute/pkg/fleet/template"
)

// reader returns the reader of tables, with the values of the settings.
func (c *command) reader() template.Reader {
	r := c.tables
	r.Values = c.values
	return r
}

// values returns the values of variables in the settings.
func (c *command) values() (*template.Values, error) {
	cfg, err := c.readConfig()
	if err != nil {
		return nil, err
	}
	return &cfg.Values, nil
}

// readTable reads the table of a file, "-" for standard input.
func (c *command) readTable(ctx context.Context, file string) (*publish.Table, error) {
	if file == "-" {
		return publish.Read(ctx, c.reader(), c.stdin, file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return publish.Read(ctx, c.reader(), f, file)
}

func runPublish(c *command, ctx context.Context) error {
	t, err := c.readTable(ctx, c.words[0])
	if err != nil {
		return err
	}
	if t.Eroutes == 0 {
		return fmt.Errorf("%s: no eroutes: a revision without any would protect nothing", c.words[0])
	}
	checks := []string{"table"}
	if file := c.value("assert"); file != "" {
		if err := c.assert(ctx, t, file); err != nil {
			return err
		}
		checks = append(checks, "assert")
	}
	return c.asOperator(ctx, func(o *operator) error {
		key, err := o.signing()
		if err != nil {
			return err
		}
		p := publish.Publisher{Store: o.store, Key: key, Keys: o.keys, Author: o.author()}
		id, err := p.Publish(ctx, t, checks)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(c.out, id)
		return err
	})
}

// assert refuses a table that violates an assertion of a file.
func (c *command) assert(ctx context.Context, t *publish.Table, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("--assert: %w", err)
	}
	defer func() { _ = f.Close() }()
	all, err := guard.ReadAsserts(f, "--assert "+file, erouteargs.NewParser(ctx, c.tables.Resolver, c.tables.Names))
	if err != nil {
		return err
	}
	return all.Check(ctx, t.Table, diff.Options{})
}

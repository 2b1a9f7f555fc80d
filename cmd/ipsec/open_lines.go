// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"

	"github.com/ipsec-eroute/eroute/internal/erouteargs"
	"github.com/ipsec-eroute/eroute/internal/files"
)

// parser returns a parser of the options and of lines.
func (c *command) parser() *erouteargs.Parser {
	return erouteargs.NewParser(c.ctx, c.env.resolver, c.env.names)
}

// eachLine calls take with the words of each line of a file that has any, without comments. The words are valid
// until take returns. what is the option that named the file, for errors.
func (c *command) eachLine(what, file string, take func(words []string) error) error {
	f, err := c.openLines(what, file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for k := range erouteargs.Chunks(f, what+" "+file) {
		if err := k.Each(func(_ int, words []string) error { return take(words) }); err != nil {
			return err
		}
	}
	return nil
}

// openLines opens a file of lines, "-" for standard input.
func (c *command) openLines(what, file string) (io.ReadCloser, error) {
	c.note("reading %s", file)
	if file == "-" {
		return io.NopCloser(c.env.stdin), nil
	}
	f, err := c.env.openFile(file)
	if err != nil {
		return nil, &files.Error{What: what, Err: err}
	}
	return c.withProgress(f), nil
}

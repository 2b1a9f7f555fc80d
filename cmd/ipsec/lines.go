// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"github.com/ipsec-eroute/eroute/internal/files"
	"io"
	"strings"
)

// maxLine is the maximum length of a line of a batch, in bytes.
const maxLine = 1 << 20

// lineError is the error of a line of a file.
type lineError struct {
	file string // with the option that named it, such as "--batch table"
	line int    // from 1
	err  error
}

func (e *lineError) Error() string {
	return fmt.Sprintf("%s: line %d: %v", e.file, e.line, e.err)
}

func (e *lineError) Unwrap() error { return e.err }

// eachLine calls take with the words of each line of a file that has any, without comments. The words are valid
// until take returns. what is the option that named the file, for errors.
func (c *command) eachLine(what, file string, take func(words []string) error) error {
	f, err := c.openLines(what, file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	for k := range chunks(f, what+" "+file) {
		if err := k.each(func(_ int, words []string) error { return take(words) }); err != nil {
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

// splitLine appends the words of a line to words, up to a word that begins with #.
func splitLine(line string, words []string) []string {
	for word := range strings.FieldsSeq(line) {
		if word[0] == '#' {
			break
		}
		words = append(words, word)
	}
	return words
}

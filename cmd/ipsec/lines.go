// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine is how long a line of a batch may be, in bytes.
const maxLine = 1 << 20

// lineError says which line of a file was refused.
type lineError struct {
	file string // and what named it, such as "--batch table"
	line int    // from 1
	err  error
}

func (e *lineError) Error() string {
	return fmt.Sprintf("%s: line %d: %v", e.file, e.line, e.err)
}

func (e *lineError) Unwrap() error { return e.err }

// eachLine gives take the words of each line of a file that has any, comments left
// out, with its number from 1. The words are valid until take returns. what is what
// named the file, for errors.
func (c *command) eachLine(what, file string, take func(number int, words []string) error) error {
	f, err := c.openLines(what, file)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	c.note("reading %s", file)
	var (
		scanner = bufio.NewScanner(f)
		number  = 0
		words   []string
	)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		number++
		if words = splitLine(scanner.Text(), words[:0]); len(words) == 0 {
			continue
		}
		if err := take(number, words); err != nil {
			return &lineError{what + " " + file, number, err}
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return &lineError{what + " " + file, number + 1, fmt.Errorf("longer than %d bytes", maxLine)}
	}
	if err := scanner.Err(); err != nil {
		return &fileError{what + " " + file, err}
	}
	return nil
}

// openLines opens a file of lines, "-" for standard input.
func (c *command) openLines(what, file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(c.env.stdin), nil
	}
	f, err := c.env.openFile(file)
	if err != nil {
		return nil, &fileError{what, err}
	}
	return c.withProgress(f), nil
}

// splitLine appends the words of a line to words, up to one that begins with #.
func splitLine(line string, words []string) []string {
	for word := range strings.FieldsSeq(line) {
		if word[0] == '#' {
			break
		}
		words = append(words, word)
	}
	return words
}

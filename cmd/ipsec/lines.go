// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// maxLine is how long a line of a batch may be, in bytes.
const maxLine = 1 << 20

// lineError says which line of a batch was refused.
type lineError struct {
	file string
	line int // from 1
	err  error
}

func (e *lineError) Error() string {
	return fmt.Sprintf("--batch %s: line %d: %v", e.file, e.line, e.err)
}

func (e *lineError) Unwrap() error { return e.err }

// eachLine gives take the words of each line of the file of --batch that has any,
// comments left out, with its number from 1. The words are valid until take returns.
func (c *command) eachLine(file string, take func(number int, words []string) error) error {
	f, err := c.openBatch(file)
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
			return &lineError{file, number, err}
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return &lineError{file, number + 1, fmt.Errorf("longer than %d bytes", maxLine)}
	}
	if err := scanner.Err(); err != nil {
		return &fileError{"--batch " + file, err}
	}
	return nil
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

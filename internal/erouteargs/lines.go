// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"fmt"
	"strings"
)

// MaxLine is the maximum length of a line of a batch, in bytes.
const MaxLine = 1 << 20

// LineError is the error of a line of a file.
type LineError struct {
	File string // with the option that named it, such as "--batch table"
	Line int    // from 1
	Err  error
}

func (e *LineError) Error() string {
	return fmt.Sprintf("%s: line %d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the error without file and line.
func (e *LineError) Unwrap() error { return e.Err }

// SplitLine appends the words of a line to words, up to a word that begins with #.
func SplitLine(line string, words []string) []string {
	for word := range strings.FieldsSeq(line) {
		if word[0] == '#' {
			break
		}
		words = append(words, word)
	}
	return words
}

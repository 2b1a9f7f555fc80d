// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unsafe"

	"github.com/ipsec-eroute/eroute/internal/files"
)

// ChunkSize is the approximate number of bytes of a file that are processed together.
const ChunkSize = 64 << 10

// Chunk is a sequence of lines of a file.
type Chunk struct {
	file  string // with the option that named it
	text  string // whole lines; the last line of the file may lack its newline
	first int    // number of the first line, from 1
	err   error  // read error after these lines; nil: none
}

// Chunks reads a file to its end, or to an error. file is its name, for errors.
func Chunks(r io.Reader, file string) iter.Seq[Chunk] {
	return func(yield func(Chunk) bool) {
		var text []byte // read but not yielded, with spare capacity
		for first := 1; ; {
			if cap(text)-len(text) < ChunkSize/2 {
				text = append(make([]byte, 0, 2*len(text)+ChunkSize), text...)
			}
			n, err := r.Read(text[len(text):cap(text)])
			text = text[:len(text)+n]
			end := bytes.LastIndexByte(text, '\n') + 1
			tooLong := len(text)-end >= MaxLine
			if tooLong || err != nil {
				end = len(text)
			}
			k := Chunk{file: file, text: unsafe.String(unsafe.SliceData(text), end), first: first}
			if err != nil && !errors.Is(err, io.EOF) {
				k.err = &files.Error{What: file, Err: err}
			}
			if (end > 0 || err != nil) && !yield(k) || tooLong || err != nil {
				return
			}
			first += bytes.Count(text[:end], []byte("\n"))
			text = text[end:] // yielded bytes are never overwritten
		}
	}
}

// Each calls take with the words of each line that has any, without comments, and with the line number. The words
// are valid until take returns.
func (k *Chunk) Each(take func(number int, words []string) error) error {
	var words []string
	number := k.first
	for line := range strings.Lines(k.text) {
		if len(strings.TrimSuffix(line, "\n")) >= MaxLine {
			return &LineError{k.file, number, fmt.Errorf("longer than %d bytes", MaxLine)}
		}
		if words = SplitLine(line, words[:0]); len(words) > 0 {
			if err := take(number, words); err != nil {
				return &LineError{k.file, number, err}
			}
		}
		number++
	}
	return k.err
}

// SPDX-License-Identifier: Apache-2.0

// Package docblocks reads the fenced code blocks of the documentation, so that tests can run them.
package docblocks

import (
	"fmt"
	"os"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/testroot"
)

// Block is a fenced code block: the info string of the opening fence, and its text.
type Block struct {
	Language string   // the first word: sh, conf, output
	Words    []string // the others: the place to run or store it
	Text     string
	Line     int // of the opening fence, from 1
}

// Blocks returns the blocks of a file below docs that have an info string of two or more words.
func Blocks(name string) ([]Block, error) {
	path, err := testroot.Path("docs", name)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return parse(string(text))
}

func parse(text string) (all []Block, err error) {
	const fence = "```"
	var block *Block
	number := 0
	for line := range strings.Lines(text) {
		number++
		info, isFence := strings.CutPrefix(strings.TrimRight(line, "\n"), fence)
		switch {
		case isFence && block == nil:
			words := strings.Fields(info)
			if len(words) < 2 {
				return nil, fmt.Errorf("line %d: a block that does not say where it belongs", number)
			}
			block = &Block{Language: words[0], Words: words[1:], Line: number}
		case isFence && info == "":
			all = append(all, *block)
			block = nil
		case block != nil:
			block.Text += line
		}
	}
	if block != nil {
		return nil, fmt.Errorf("line %d: a block without end", block.Line)
	}
	return all, nil
}

// SPDX-License-Identifier: Apache-2.0

package render

import (
	"strings"
	"unicode"
)

// OneLine makes text printable on one line of a terminal.
func OneLine(text string) string {
	text = strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) { // such as one that changes the direction of what follows
			return '?'
		}
		return r
	}, text)
}

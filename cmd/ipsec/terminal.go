// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"

	"github.com/charmbracelet/x/term"
)

// isTerminal tells whether what is written to w is seen by somebody.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

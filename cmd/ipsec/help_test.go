// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"github.com/ipsec-eroute/eroute/internal/cli"
	"io"
	"regexp"
	"strings"
	"testing"
)

// helpColumns is the maximum width of a line of help.
const helpColumns = 94

// TestHelpColumns checks the width of each command's help, and that the help of options is one column: a long
// option has a line of its own.
func TestHelpColumns(t *testing.T) {
	root := newRoot(&command{env: testEnv(nil, io.Discard, io.Discard)})
	inColumn := regexp.MustCompile(`^(  --.{22} \S.*| {27}\S.*|  --\S+ \S+)$`)
	for _, cmd := range append(root.Commands(), root) {
		var help bytes.Buffer
		cli.PrintHelp(&help, cmd)
		options := 0
		for line := range strings.Lines(help.String()) {
			line = strings.TrimSuffix(line, "\n")
			if len(line) > helpColumns {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), len(line), line)
			}
			if strings.HasPrefix(line, "  --") {
				options++
			}
			if isOption := strings.HasPrefix(line, "  --") || strings.HasPrefix(line, strings.Repeat(" ", 26)); isOption && !inColumn.MatchString(line) {
				t.Errorf("%s: not in the columns of options: %s", cmd.CommandPath(), line)
			}
		}
		if cmd.Name() != "help" && options == 0 {
			t.Errorf("%s: no options in its help", cmd.CommandPath())
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/internal/screen"
)

// painter returns a painter that uses colours if the output is a terminal with colours and NO_COLOR is not set
// (https://no-color.org).
func (c *command) painter() render.Painter {
	value := func(name string) (v string) {
		for _, e := range c.env.environ {
			if of, text, _ := strings.Cut(e, "="); of == name {
				v = text
			}
		}
		return v
	}
	return render.Painter(screen.IsTerminal(c.env.stdout) && value("NO_COLOR") == "" && value("TERM") != "dumb")
}

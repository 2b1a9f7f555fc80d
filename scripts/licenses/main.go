// SPDX-License-Identifier: Apache-2.0

// Command licenses reads a CycloneDX bill of materials from standard input, and fails if
// a component has no licence or one that is not on its list.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// allowed are licences that may be linked into a program under Apache-2.0. The Go
// project's own, BSD-3-Clause, is found as BSD-Source-Code.
var allowed = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSD-Source-Code", "ISC", "MIT"}

// chosen are the licences under which modules are used that offer several in one file,
// of which only one is found.
var chosen = map[string]string{
	"kernel.org/pub/linux/libs/security/libcap/cap": "BSD-3-Clause",
	"kernel.org/pub/linux/libs/security/libcap/psx": "BSD-3-Clause",
}

type component struct {
	Name     string
	Version  string
	Evidence struct {
		Licenses []struct {
			License struct{ ID, Name string }
		}
	}
}

// licenses returns what the component's licences are called.
func (c component) licenses() (all []string) {
	if id, ok := chosen[c.Name]; ok {
		return []string{id}
	}
	for _, l := range c.Evidence.Licenses {
		all = append(all, l.License.ID+l.License.Name) // it has one of them
	}
	return all
}

func main() {
	var bom struct {
		Metadata   struct{ Component component }
		Components []component
	}
	if err := json.NewDecoder(os.Stdin).Decode(&bom); err != nil {
		fail("read bill of materials: %v", err)
	}
	if len(bom.Components) == 0 {
		fail("read bill of materials: it has no components")
	}
	refused := 0
	for _, c := range append(bom.Components, bom.Metadata.Component) {
		all := c.licenses()
		if !slices.ContainsFunc(all, func(id string) bool { return slices.Contains(allowed, id) }) {
			refused++
			fmt.Fprintf(os.Stderr, "licenses: %s %s: %s is none of %s\n", c.Name, c.Version,
				strings.Join(append(all, "no licence")[:max(1, len(all))], ", "), strings.Join(allowed, ", "))
		}
	}
	if refused > 0 {
		os.Exit(1)
	}
	fmt.Printf("%d parts, all under %s\n", len(bom.Components)+1, strings.Join(allowed, ", "))
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "licenses: "+format+"\n", args...)
	os.Exit(1)
}

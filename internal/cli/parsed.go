// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
)

// Parsed holds the options of one command line. Its zero value has none.
type Parsed struct {
	Options Options // of the command
	given   Mask
	values  [maxOptions]string // of given options; values of other options are stale
	lists   map[ID][]string    // of options with Repeat or Second
}

// add records an option and its value.
func (p *Parsed) add(id ID, value string) error {
	switch opt := p.Options[id]; {
	case opt.Repeat, opt.Second && !p.Has(id):
		if p.lists == nil {
			p.lists = make(map[ID][]string)
		}
		p.lists[id] = append(p.lists[id], value)
	case p.Has(id) && opt.Arg == "":
		return fmt.Errorf("--%s given twice", opt.Name)
	case p.Has(id):
		return fmt.Errorf("--%s given twice: %q and %q", opt.Name, p.values[id], value)
	}
	p.given |= MaskOf(id)
	p.values[id] = value
	return nil
}

// Has reports whether the option was given.
func (p *Parsed) Has(id ID) bool { return p.given.Has(id) }

// HasName reports whether the option with this name was given.
func (p *Parsed) HasName(name string) bool {
	for id, opt := range p.Options {
		if opt.Name == name {
			return p.Has(ID(id))
		}
	}
	return false
}

// Value returns the value of the option, "" if it was not given.
func (p *Parsed) Value(id ID) string {
	if !p.Has(id) {
		return ""
	}
	return p.values[id]
}

// Values returns all values of an option with Repeat or Second.
func (p *Parsed) Values(id ID) []string { return p.lists[id] }

// Name returns the option as it is typed.
func (p *Parsed) Name(id ID) string { return "--" + p.Options[id].Name }

// Quote returns the option with its value, for messages.
func (p *Parsed) Quote(id ID) string {
	if p.Options[id].Arg == "" {
		return p.Name(id)
	}
	return fmt.Sprintf("%s value %q", p.Name(id), p.values[id])
}

// First returns the first given option that is in m, in the order of Options.
func (p *Parsed) First(m Mask) (ID, bool) {
	for id := range p.Options {
		if p.given.Has(ID(id)) && m.Has(ID(id)) {
			return ID(id), true
		}
	}
	return 0, false
}

// Missing names the options of needs that were not given.
func (p *Parsed) Missing(needs Mask) string {
	var names []string
	for id := range p.Options {
		if id := ID(id); needs.Has(id) && !p.Has(id) {
			names = append(names, p.Name(id))
		}
	}
	if n := len(names); n > 2 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, " and ")
}

// Without returns a copy in which the options of m are not given.
func (p *Parsed) Without(m Mask) *Parsed {
	rest := *p
	rest.given &^= m
	return &rest
}

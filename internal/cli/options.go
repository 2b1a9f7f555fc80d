// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"
)

// Option is a long option of a command.
type Option struct {
	Name   string // without dashes
	Arg    string // placeholder of its value in help texts; "": no value
	Help   string
	Group  string // title of its group in help texts
	Repeat bool   // can be given more than once
	Second bool   // its value can be followed by a second one
}

// ID is an option's index in its command's Options.
type ID uint8

// Mask is a set of options of a command.
type Mask uint64

// maxOptions is the maximum length of Options.
const maxOptions = 64

// MaskOf returns the set of the options.
func MaskOf(ids ...ID) Mask {
	var m Mask
	for _, id := range ids {
		m |= 1 << id
	}
	return m
}

// Has reports whether the option is in the set.
func (m Mask) Has(id ID) bool { return m&(1<<id) != 0 }

// Options are the options of a command, in the order of its help text: at most 64.
type Options []Option

// Parse parses the arguments of a command line into p. It stops at an option in stop, and at the first error; p
// then holds the options before it and the option at fault.
func (o Options) Parse(args []string, stop Mask, p *Parsed) error {
	p.Options, p.given, p.lists = o, 0, nil // field by field: p is large, and a batch has many lines
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		id, value, inline, err := o.find(arg)
		if err != nil {
			return err
		}
		switch {
		case o[id].Arg == "" && inline:
			return fmt.Errorf("--%s takes no value, but is given %q", o[id].Name, value)
		case o[id].Arg != "" && !inline:
			if len(args) == 0 {
				return fmt.Errorf("--%s needs a value: %s", o[id].Name, o[id].Arg)
			}
			if strings.HasPrefix(args[0], "--") {
				return fmt.Errorf("--%s needs a value: %s, but is followed by %q", o[id].Name, o[id].Arg, args[0])
			}
			value, args = args[0], args[1:]
		}
		if err := p.add(id, value); err != nil {
			return err
		}
		if o[id].Second && len(args) > 0 && !strings.HasPrefix(args[0], "--") {
			p.lists[id] = append(p.lists[id], args[0])
			args = args[1:]
		}
		if stop.Has(id) {
			return nil
		}
	}
	return nil
}

// find returns the option that an argument names, and its value if it contains "=".
func (o Options) find(arg string) (id ID, value string, inline bool, err error) {
	name, isOption := strings.CutPrefix(arg, "--")
	if !isOption || name == "" {
		if len(arg) > 1 && arg[0] == '-' && name != "" {
			return 0, "", false, fmt.Errorf("unknown option %q: options begin with two dashes, see --help", arg)
		}
		return 0, "", false, fmt.Errorf("unexpected argument %q: see --help", arg)
	}
	name, value, inline = strings.Cut(name, "=")
	for i := range o {
		if o[i].Name == name {
			return ID(i), value, inline, nil
		}
	}
	return 0, "", false, fmt.Errorf("unknown option %q: see --help", arg)
}

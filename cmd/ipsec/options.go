// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// option is a long option of a command.
type option struct {
	name   string // without dashes
	arg    string // what its value stands for in the help text; "" if it takes none
	help   string
	group  string // title in the help text
	repeat bool   // may be given more than once
	second bool   // its value may be followed by a second one
}

// optionID is an option's index in its command's optionSet.
type optionID uint8

// optionMask is a set of options of a command.
type optionMask uint64

// maxOptions is the size of the largest optionSet.
const maxOptions = 64

// maskOf returns the set of the options.
func maskOf(ids ...optionID) optionMask {
	var m optionMask
	for _, id := range ids {
		m |= 1 << id
	}
	return m
}

func (m optionMask) has(id optionID) bool { return m&(1<<id) != 0 }

// optionSet is what options a command has. Both its command line and the lines of a
// batch are parsed by it, so that they refuse alike.
type optionSet []option

// parsed is the options of one command line.
type parsed struct {
	set    optionSet
	given  optionMask
	values [maxOptions]string    // of those given; of others what was given before
	lists  map[optionID][]string // of options that may be repeated
}

func (p *parsed) has(id optionID) bool { return p.given.has(id) }

// value returns what was given for the option, "" if it was not.
func (p *parsed) value(id optionID) string {
	if !p.has(id) {
		return ""
	}
	return p.values[id]
}

// name returns the option as it is typed.
func (p *parsed) name(id optionID) string { return "--" + p.set[id].name }

// quote returns the option with the value it was given, for messages.
func (p *parsed) quote(id optionID) string {
	if p.set[id].arg == "" {
		return p.name(id)
	}
	return fmt.Sprintf("%s value %q", p.name(id), p.values[id])
}

// first returns the first option of the set, in the order of the help text, that was
// given and is in m.
func (p *parsed) first(m optionMask) (optionID, bool) {
	for id := range p.set {
		if p.given.has(optionID(id)) && m.has(optionID(id)) {
			return optionID(id), true
		}
	}
	return 0, false
}

// parse reads a command line's arguments into p. Options up to the one at fault are
// in p even if it returns an error; so is an option of stop, at which parsing ends.
func (s optionSet) parse(args []string, stop optionMask, p *parsed) error {
	p.set, p.given, p.lists = s, 0, nil // p is large, and a batch has many lines
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		id, value, inline, err := s.find(arg)
		if err != nil {
			return err
		}
		switch {
		case s[id].arg == "" && inline:
			return fmt.Errorf("--%s takes no value, but is given %q", s[id].name, value)
		case s[id].arg != "" && !inline:
			if len(args) == 0 {
				return fmt.Errorf("--%s needs a value: %s", s[id].name, s[id].arg)
			}
			if strings.HasPrefix(args[0], "--") {
				return fmt.Errorf("--%s needs a value: %s, but is followed by %q", s[id].name, s[id].arg, args[0])
			}
			value, args = args[0], args[1:]
		}
		if err := p.add(id, value); err != nil {
			return err
		}
		if s[id].second && len(args) > 0 && !strings.HasPrefix(args[0], "--") {
			p.lists[id] = append(p.lists[id], args[0])
			args = args[1:]
		}
		if stop.has(id) {
			return nil
		}
	}
	return nil
}

// find returns the option that an argument names, and the value in it after "=".
func (s optionSet) find(arg string) (id optionID, value string, inline bool, err error) {
	name, isOption := strings.CutPrefix(arg, "--")
	if !isOption || name == "" {
		if len(arg) > 1 && arg[0] == '-' && name != "" {
			return 0, "", false, fmt.Errorf("unknown option %q: options begin with two dashes, see --help", arg)
		}
		return 0, "", false, fmt.Errorf("unexpected argument %q: see --help", arg)
	}
	name, value, inline = strings.Cut(name, "=")
	for i := range s {
		if s[i].name == name {
			return optionID(i), value, inline, nil
		}
	}
	return 0, "", false, fmt.Errorf("unknown option %q: see --help", arg)
}

// add notes that the option was given.
func (p *parsed) add(id optionID, value string) error {
	switch opt := p.set[id]; {
	case opt.repeat, opt.second && !p.has(id):
		if p.lists == nil {
			p.lists = make(map[optionID][]string)
		}
		p.lists[id] = append(p.lists[id], value)
	case p.has(id) && opt.arg == "":
		return fmt.Errorf("--%s given twice", opt.name)
	case p.has(id):
		return fmt.Errorf("--%s given twice: %q and %q", opt.name, p.values[id], value)
	}
	p.given |= maskOf(id)
	p.values[id] = value
	return nil
}

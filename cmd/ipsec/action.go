// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
)

// action is what a command can be asked for, by one of its options.
type action struct {
	option optionID
	with   optionMask // options beside it that make it another action
	takes  optionMask // beside its own option and those that all actions take
	needs  optionMask // of these, what cannot be left out
	run    func(*command) error
}

// actionSet is the actions of a command, of which one at a time can be asked for.
type actionSet []action

// choose returns the action that the options ask for, nil if for none.
func (s actionSet) choose(p *parsed) (*action, error) {
	var chosen *action
	for i := range s {
		switch a := &s[i]; {
		case !p.has(a.option):
		case chosen == nil:
			chosen = a
		default:
			return nil, fmt.Errorf("%s and %s: only one action at a time", p.quote(chosen.option), p.quote(a.option))
		}
	}
	return chosen, nil
}

// name returns the action as it is typed.
func (a *action) name(p *parsed) string {
	name := p.name(a.option)
	if id, ok := p.first(a.with); ok {
		name += " " + p.name(id)
	}
	return name
}

// check refuses options that neither the action nor all actions take, and the lack of
// those it needs.
func (a *action) check(p *parsed, common optionMask) error {
	if id, ok := p.first(^(a.takes | a.with | maskOf(a.option) | common)); ok {
		return fmt.Errorf("%s: not an option of %s", p.quote(id), a.name(p))
	}
	if missing := p.missing(a.needs); missing != "" {
		return fmt.Errorf("%s needs %s", a.name(p), missing)
	}
	return nil
}

// checkListing refuses options that a command without an action does not take.
func (p *parsed) checkListing(takes optionMask) error {
	if id, ok := p.first(^takes); ok {
		return fmt.Errorf("%s: requires an action such as %s", p.quote(id), p.name(0))
	}
	return nil
}

// missing names the options of the set that are not given.
func (p *parsed) missing(needs optionMask) string {
	var names []string
	for id := range p.set {
		if id := optionID(id); needs.has(id) && !p.has(id) {
			names = append(names, p.name(id))
		}
	}
	if n := len(names); n > 2 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, " and ")
}

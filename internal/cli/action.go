// SPDX-License-Identifier: Apache-2.0

package cli

import "fmt"

// Action is an operation of a command of type C, selected by one of its options.
type Action[C any] struct {
	Option ID
	With   Mask // options that, together with Option, select this action
	Takes  Mask // options accepted in addition to Option, With and those that all actions accept
	Needs  Mask // required options
	Run    func(C) error
}

// Actions are the actions of a command, of which at most one is selected.
type Actions[C any] []Action[C]

// Choose returns the action that the options select, nil if none.
func (a Actions[C]) Choose(p *Parsed) (*Action[C], error) {
	var chosen *Action[C]
	for i := range a {
		switch action := &a[i]; {
		case !p.Has(action.Option):
		case chosen == nil:
			chosen = action
		default:
			return nil, fmt.Errorf("%s and %s: only one action at a time", p.Quote(chosen.Option), p.Quote(action.Option))
		}
	}
	return chosen, nil
}

// name formats the action's options as typed.
func (a *Action[C]) name(p *Parsed) string {
	name := p.Name(a.Option)
	if id, ok := p.First(a.With); ok {
		name += " " + p.Name(id)
	}
	return name
}

// Check returns an error if an option is given that neither the action nor all actions (common) accept, or if a
// required one is missing.
func (a *Action[C]) Check(p *Parsed, common Mask) error {
	if id, ok := p.First(^(a.Takes | a.With | MaskOf(a.Option) | common)); ok {
		return fmt.Errorf("%s: not an option of %s", p.Quote(id), a.name(p))
	}
	if missing := p.Missing(a.Needs); missing != "" {
		return fmt.Errorf("%s needs %s", a.name(p), missing)
	}
	return nil
}

// CheckListing returns an error if an option is given that the command does not accept without an action.
func (p *Parsed) CheckListing(takes Mask) error {
	if id, ok := p.First(^takes); ok {
		return fmt.Errorf("%s: requires an action such as %s", p.Quote(id), p.Name(0))
	}
	return nil
}

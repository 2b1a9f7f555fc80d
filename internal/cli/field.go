// SPDX-License-Identifier: Apache-2.0

package cli

import "fmt"

// Field is a text that the user gave, and its name: "--src", or "SRC" in a line of a file. The zero Field was not
// given.
type Field struct{ Name, Text string }

// Field returns the option's value as a Field.
func (p *Parsed) Field(id ID) Field {
	if !p.Has(id) {
		return Field{}
	}
	return Field{p.Name(id), p.values[id]}
}

// Given reports whether the field was given.
func (f Field) Given() bool { return f.Name != "" }

// String returns the name and the text, for messages.
func (f Field) String() string { return fmt.Sprintf("%s value %q", f.Name, f.Text) }

// Refuse returns an error that names the field. The reason repeats the text.
func (f Field) Refuse(reason error) error { return fmt.Errorf("%s %w", f.Name, reason) }

// SPDX-License-Identifier: Apache-2.0

// Package schema validates the output of --json with docs/schema.json.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ipsec-eroute/eroute/internal/testroot"
)

// Path returns the path of the schema in the source tree.
func Path() (string, error) { return testroot.Path("docs", "schema.json") }

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	path, err := Path()
	if err != nil {
		return nil, err
	}
	return c.Compile(path)
})

// Check returns an error if a document, or a line of a stream, does not conform to the schema.
func Check(document []byte) error {
	s, err := compiled()
	if err != nil {
		return fmt.Errorf("compile schema: %w", err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return fmt.Errorf("parse JSON: %w", err)
	}
	return s.Validate(value)
}

// CheckLines checks each line of a stream; an empty stream is an error, too.
func CheckLines(stream []byte) error {
	lines := bytes.Split(bytes.TrimSpace(stream), []byte("\n"))
	for i, line := range lines {
		if err := Check(line); err != nil {
			return fmt.Errorf("line %d: %s: %w", i+1, line, err)
		}
	}
	if len(lines[0]) == 0 {
		return errors.New("no lines")
	}
	return nil
}

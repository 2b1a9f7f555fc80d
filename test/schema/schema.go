// SPDX-License-Identifier: Apache-2.0

// Package schema checks what commands print with --json against docs/schema.json.
package schema

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Path returns where the schema is in the source tree.
func Path() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "docs", "schema.json")
}

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	return c.Compile(Path())
})

// Check tells why a document, or a line of a stream, is not as the schema has it.
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

// CheckLines checks each line of a stream; that there is none is an error too.
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

// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The schema accepts valid documents, and none with a single error.
func TestCheck(t *testing.T) {
	for document, ok := range map[string]bool{
		`{"version":1,"eroutes":[]}`: true,
		`{"version":1,"lookups":[null,{"src":"10.0.0.0/8","dst":"::/0","said":"%drop","action":"drop","packets":18446744073709551615,"bytes":0}]}`: true,
		`{"version":2,"eroutes":[]}`:             false,
		`{"eroutes":[]}`:                         false,
		`{"version":1,"eroutes":[null]}`:         false,
		`{"version":1,"eroutes":[],"lookups":0}`: false,
		`{"version":1,"lookups":[{"src":"10.0.0.0/8","dst":"::/0","said":"%drop","action":"drop","packets":18446744073709551616,"bytes":0}]}`:          false,
		`{"version":1,"lookups":[{"src":"10.0.0.0/8","dst":"::/0","said":"%drop","action":"drop","packets":0,"bytes":0,"dst_port":1}]}`:                false,
		`{"version":1,"lookups":[{"src":"10.0.0.0","dst":"::/0","said":"%drop","action":"drop","packets":0,"bytes":0}]}`:                               false,
		`{"version":1,"lookups":[{"src":"10.0.0.0/8","dst":"::/0","said":"%drop","action":"drop","packets":0,"bytes":0,"last_used":"yesterday"}]}`:     false,
		`{"version":1,"lookups":[{"src":"10.0.0.0/8","dst":"::/0","said":"%drop","action":"drop","packets":0,"bytes":0,"acquire":{"mode":"tunnel"}}]}`: false,
		`{"event":"hold","time":"2026-11-24T12:00:00.5Z"}`:      true,
		`{"event":"hold","time":"2026-11-24T12:00:00.5+01:00"}`: false,
		`{"event":"held","time":"2026-11-24T12:00:00.5Z"}`:      false,
		`{"version":1`: false,
	} {
		if err := Check([]byte(document)); (err == nil) != ok {
			t.Errorf("%s: %v", document, err)
		}
	}
	if CheckLines(nil) == nil || CheckLines([]byte("{}\n")) == nil {
		t.Error("an empty stream, or an empty object in one, is taken")
	}
}

// Every key of the schema is described in docs/json.md.
func TestDescribed(t *testing.T) {
	path, err := Path()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(filepath.Dir(path), "json.md"))
	if err != nil {
		t.Fatal(err)
	}
	keys := properties(schema)
	if len(keys) < 40 {
		t.Errorf("only %d keys found", len(keys))
	}
	for _, key := range keys {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("%s is not described", key)
		}
	}
}

// properties returns the names of all properties in a schema.
func properties(schema any) (names []string) {
	switch s := schema.(type) {
	case []any:
		for _, element := range s {
			names = append(names, properties(element)...)
		}
	case map[string]any:
		for key, value := range s {
			if of, ok := value.(map[string]any); ok && key == "properties" {
				for name := range of {
					names = append(names, name)
				}
			}
			names = append(names, properties(value)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

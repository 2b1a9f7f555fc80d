// SPDX-License-Identifier: Apache-2.0

// Package settings reads files of settings.
package settings

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Decode reads settings in TOML into v. It refuses unknown keys. Errors name the line.
func Decode(r io.Reader, v any) error {
	if err := toml.NewDecoder(r).DisallowUnknownFields().Decode(v); err != nil {
		return explain(err)
	}
	return nil
}

// wrongType matches the library's error for a value of the wrong type.
var wrongType = regexp.MustCompile(`^cannot decode TOML (.*) into `)

// explain converts an error of the library to one with its line and key.
func explain(err error) error {
	if unknown, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		first := &unknown.Errors[0]
		line, _ := first.Position()
		return fmt.Errorf("line %d: unknown key %q", line, strings.Join(first.Key(), "."))
	}
	text := strings.TrimPrefix(err.Error(), "toml: ")
	wrong, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return errors.New(text)
	}
	line, _ := wrong.Position()
	if kind := wrongType.FindStringSubmatch(text); kind != nil {
		text = fmt.Sprintf("key %q: cannot be of type %s", strings.Join(wrong.Key(), "."), kind[1])
	}
	return fmt.Errorf("line %d: %s", line, text)
}

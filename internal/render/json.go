// SPDX-License-Identifier: Apache-2.0

package render

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// schemaVersion is the version of docs/schema.json.
const schemaVersion = 1

// writeArray writes a document with the array name, one element per line, as they arrive.
func writeArray[E any](w io.Writer, name string, elements iter.Seq2[E, error]) error {
	if _, err := fmt.Fprintf(w, `{"version":%d,"%s":[`, schemaVersion, name); err != nil {
		return err
	}
	separator := "\n"
	for element, err := range elements {
		if err != nil {
			return err
		}
		text, err := json.Marshal(element)
		if err != nil {
			return fmt.Errorf("encode JSON: %w", err)
		}
		if _, err := fmt.Fprintf(w, "%s%s", separator, text); err != nil {
			return err
		}
		separator = ",\n"
	}
	end := "\n]}\n"
	if separator == "\n" {
		end = "]}\n"
	}
	_, err := io.WriteString(w, end)
	return err
}

// SPDX-License-Identifier: Apache-2.0

package render

import (
	"io"

	"github.com/ipsec-eroute/eroute/pkg/doctor"
)

// findingJSON is a finding in docs/schema.json.
type findingJSON struct {
	Check   string       `json:"check"`
	Level   doctor.Level `json:"level"`
	Subject string       `json:"subject,omitempty"`
	Text    string       `json:"text"`
	Cost    string       `json:"cost,omitempty"`
	Remedy  string       `json:"remedy,omitempty"`
}

// FindingsJSON writes the doctor's findings, one per line.
func FindingsJSON(w io.Writer, all []doctor.Finding) error {
	return writeArray(w, "findings", func(yield func(findingJSON, error) bool) {
		for _, f := range all {
			if !yield(findingJSON(f), nil) {
				return
			}
		}
	})
}

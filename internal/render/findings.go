// SPDX-License-Identifier: Apache-2.0

package render

import (
	"fmt"
	"io"

	"github.com/ipsec-eroute/eroute/pkg/doctor"
)

// maxAlike is the maximum number of printed findings per check.
const maxAlike = 20

// Findings writes the doctor's findings, each with its cost and remedy.
func Findings(w io.Writer, all []doctor.Finding) error {
	count := make(map[string]int)
	for _, f := range all {
		if count[f.Check]++; count[f.Check] <= maxAlike {
			if err := writeFinding(w, &f); err != nil {
				return err
			}
		}
	}
	for _, f := range all { // in order, each check once
		if more := count[f.Check] - maxAlike; more > 0 {
			if _, err := fmt.Fprintf(w, "and %d more of %s, see --json\n", more, f.Check); err != nil {
				return err
			}
		}
		delete(count, f.Check)
	}
	return nil
}

func writeFinding(w io.Writer, f *doctor.Finding) error {
	_, err := fmt.Fprintf(w, "%-8s %-10s %s\n", f.Level, f.Check, f.Text)
	for _, line := range []struct{ name, text string }{{"cost:", f.Cost}, {"do:", f.Remedy}} {
		if line.text != "" && err == nil {
			_, err = fmt.Fprintf(w, "%20s%-5s %s\n", "", line.name, line.text)
		}
	}
	return err
}

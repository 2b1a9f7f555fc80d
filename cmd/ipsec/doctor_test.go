// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/doctor"
)

func testFindings() ([]doctor.Finding, error) {
	return []doctor.Finding{
		{Check: "kernel", Level: doctor.Problem, Subject: "ESP over IPv4", Text: "this kernel has no ESP over IPv4", Cost: "ESP SAs cannot be created", Remedy: "use another kernel"},
		{Check: "table", Level: doctor.Note, Text: "there is no table"},
		{Check: "route", Level: doctor.OK, Text: "routes lead into the ipsec devices"},
	}, nil
}

// diagnosis returns the output of "ipsec doctor" for these findings.
func diagnosis(diagnose func() ([]doctor.Finding, error)) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	e := testEnv(strings.NewReader(""), &out, &errs)
	e.diagnose = diagnose
	status = run(context.Background(), e, []string{"doctor"})
	return status, out.String(), errs.String()
}

func TestDoctorStatus(t *testing.T) {
	status, stdout, stderr := diagnosis(func() ([]doctor.Finding, error) {
		return []doctor.Finding{{Check: "table", Level: doctor.Note, Text: "there is none"}}, nil
	})
	if status != 0 || stdout != "note     table      there is none\n" || stderr != "" {
		t.Errorf("a note: status %d, %q, %q", status, stdout, stderr)
	}
	status, stdout, stderr = diagnosis(func() ([]doctor.Finding, error) {
		return nil, fmt.Errorf("make network namespace: %w", fs.ErrPermission)
	})
	if status != 1 || stdout != "" || !strings.HasPrefix(stderr, "ipsec doctor: must be root") {
		t.Errorf("not root: status %d, %q, %q", status, stdout, stderr)
	}
	status, stdout, _ = diagnosis(func() ([]doctor.Finding, error) { return nil, errors.New("broken") })
	if status != 1 || stdout != "" {
		t.Errorf("an error: status %d, %q", status, stdout)
	}
}

// TestDoctorMany checks that the text lists a limited number of similar findings.
func TestDoctorMany(t *testing.T) {
	status, stdout, stderr := diagnosis(func() (all []doctor.Finding, _ error) {
		for i := range 25 {
			all = append(all, doctor.Finding{Check: "sa", Level: doctor.Problem, Text: fmt.Sprint("SA ", i)})
		}
		return append(all, doctor.Finding{Check: "relay", Level: doctor.OK, Text: "fine"}), nil
	})
	if status != 1 || stderr != "ipsec doctor: 25 problems\n" || strings.Contains(stdout, "SA 20") ||
		!strings.HasSuffix(stdout, "SA 19\nok       relay      fine\nand 5 more of sa, see --json\n") {
		t.Errorf("status %d, %q, %s", status, stderr, stdout)
	}
}

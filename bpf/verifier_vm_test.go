// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)

//go:build vm

package bpf_test

import "testing"

// The same on the VM's kernel, with all that it has.
func TestProgramsInVM(t *testing.T) { testPrograms(t) }

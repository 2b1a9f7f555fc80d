// SPDX-License-Identifier: Apache-2.0

package interfaces_test

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/internal/testtable"
	"github.com/ipsec-eroute/eroute/pkg/interfaces"
)

// TestDevice checks that devices are listed as they were written, and that deletion is idempotent.
func TestDevice(t *testing.T) {
	table := testtable.New(t)
	want := interfaces.Device{Physical: 3, HasXFRM: true, Allowed: true, Detour: 4}
	if err := table.PutDevice(7, want); err != nil {
		t.Fatal(err)
	}
	devices, err := table.Devices()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[uint32]interfaces.Device{7: want}, maps.Collect(devices)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for range 2 {
		if err := table.DeleteDevice(7); err != nil {
			t.Fatal(err)
		}
		if _, exists, err := table.Device(7); exists || err != nil {
			t.Errorf("deleted device: %t, %v", exists, err)
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"slices"
	"testing"
)

func TestCachedNamesTopDirectoriesWithoutOverlay(t *testing.T) {
	got := cached("/root/.cache/ipsec-eroute", "/tmp/eroute-vm-1", "/data/source", "/data/source/test", "/home/user/eroute")
	if want := []string{"/root", "/data"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

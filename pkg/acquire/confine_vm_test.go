// SPDX-License-Identifier: Apache-2.0

//go:build vm

package acquire

import (
	"testing"

	"github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// TestConfineByLandlock checks that a confined process cannot read or write other files either. The VM's kernel
// has Landlock.
func TestConfineByLandlock(t *testing.T) {
	if abi, err := syscall.LandlockGetABIVersion(); err != nil || abi < 1 {
		t.Fatalf("Landlock's version is %d, %v", abi, err)
	}
	TestConfine(t)
}

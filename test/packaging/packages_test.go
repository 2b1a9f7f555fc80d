// SPDX-License-Identifier: Apache-2.0

package packaging

import "testing"

// Installed alone, and removed completely.
func TestDeb(t *testing.T) { inRoot(t, "deb.sh") }
func TestRPM(t *testing.T) { inRoot(t, "rpm.sh") }

// Together with the key managers that have a command named ipsec, in any order of installation.
func TestStrongSwan(t *testing.T) { inRoot(t, "strongswan.sh") }
func TestLibreswan(t *testing.T)  { inRoot(t, "libreswan.sh") }

// The units as loaded and run by systemd.
func TestUnitsAreStrict(t *testing.T) { inRoot(t, "strict.sh") }
func TestUnits(t *testing.T)          { inRoot(t, "boot.sh") }

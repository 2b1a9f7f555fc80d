// SPDX-License-Identifier: Apache-2.0

package packages

import "testing"

// Installed alone, and removed without a trace.
func TestDeb(t *testing.T) { inRoot(t, "deb.sh") }
func TestRPM(t *testing.T) { inRoot(t, "rpm.sh") }

// Beside the key managers that have a command named ipsec, whoever came first.
func TestStrongSwan(t *testing.T) { inRoot(t, "strongswan.sh") }
func TestLibreswan(t *testing.T)  { inRoot(t, "libreswan.sh") }

// The units as systemd sees them, and run by it.
func TestUnitsAreStrict(t *testing.T) { inRoot(t, "strict.sh") }
func TestUnits(t *testing.T)          { inRoot(t, "boot.sh") }

// SPDX-License-Identifier: Apache-2.0

// Package packaging tests the result of make packages: installed and removed by dpkg and rpm, together with
// strongSwan and libreswan, and run by systemd, each in a temporary copy of this machine's root. It needs
// root.
package packaging

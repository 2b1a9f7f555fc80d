// SPDX-License-Identifier: Apache-2.0

// Package packages tests what make packages makes: installed and removed by dpkg and rpm,
// beside strongSwan and libreswan, and run by a systemd of its own, each in a copy of
// this machine's root that is thrown away. It needs root.
package packages

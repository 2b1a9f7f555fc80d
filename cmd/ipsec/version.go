// SPDX-License-Identifier: Apache-2.0

package main

import "runtime/debug"

// version is set at build time: go build -ldflags "-X main.version=1.2.3".
var version string

// buildVersion returns what was built: version, or else what the Go tool knows of it.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown version"
	}
	return info.Main.Version
}

// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"time"
)

// release is the newest version in CHANGELOG.md, also read by scripts/version.sh.
const release = "0.1.0"

// version is set at build time: go build -ldflags "-X main.version=1.2.3".
var version string

// buildVersion returns the version of the program: as set at build time, as of the module, or
// release with the commit it was built from.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	return versionOf(info)
}

// versionOf returns the release with the date and the hash of the commit in the build
// information, in the format of scripts/version.sh: 0.1.0~git20261129.0123456. It sorts before
// the release itself.
func versionOf(info *debug.BuildInfo) string {
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	hash := settings["vcs.revision"]
	committed, err := time.Parse(time.RFC3339, settings["vcs.time"])
	if len(hash) < 7 || err != nil {
		return release
	}
	text := release + "~git" + committed.UTC().Format("20060102") + "." + hash[:7]
	if settings["vcs.modified"] == "true" {
		text += "+dirty"
	}
	return text
}

// SPDX-License-Identifier: Apache-2.0

package cli

// OtherGroup is the title of the group of [LabelOption], [DebugOption], [HelpOption] and [VersionOption].
const OtherGroup = "Other options"

// Options that all commands have.
var (
	LabelOption   = Option{Name: "label", Arg: "TEXT", Group: OtherGroup, Help: "prefix messages with TEXT"}
	DebugOption   = Option{Name: "debug", Group: OtherGroup, Help: "print debug messages to standard error"}
	HelpOption    = Option{Name: "help", Group: OtherGroup, Help: "print this help"}
	VersionOption = Option{Name: "version", Group: OtherGroup, Help: "print the version"}
)

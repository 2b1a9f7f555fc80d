// SPDX-License-Identifier: Apache-2.0

// Package cli is a small framework for commands with long options. Options, actions (of which one is chosen), help
// texts and shell completion come from one declaration.
//
// Commands are cobra commands, for completion scripts, manual pages and subcommands, but cobra's parser (pflag) is
// disabled. It cannot express the rules of the KLIPS commands: actions are options; an option that is given twice
// is an error that names both values; errors are reported before any change, with the option, the value and the
// reason; --diff takes one value or two; and the lines of a batch are parsed by the same rules, a million per
// second, without allocating flags for each.
package cli

// SPDX-License-Identifier: Apache-2.0

// Package cli is a small framework for commands with long options: options, actions of
// which one is chosen, help texts and shell completion, from one declaration.
//
// Commands are cobra commands, so that completion scripts, manual pages and subcommands come
// from there, but cobra's parser (pflag) is switched off. The commands of KLIPS have rules
// that it cannot express: actions are options, an option that is given twice is an error that
// names both values, errors come before anything is done and name the option, the value and
// the reason, --diff takes one value or two, and the lines of a batch are parsed by the same
// rules a million times a second without allocating flags for each.
package cli

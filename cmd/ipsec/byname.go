// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"

	"github.com/spf13/cobra"
)

// commandLine returns the arguments of a process. A process named after a command runs that command: eroute is
// "ipsec eroute". A completion request of a shell stays the first argument.
func commandLine(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	name, args := filepath.Base(argv[0]), argv[1:]
	for _, cmd := range newRoot(&command{}).Commands() {
		switch {
		case cmd.Name() != name:
		case len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd):
			return append([]string{args[0], name}, args[1:]...)
		default:
			return append([]string{name}, args...)
		}
	}
	return args
}

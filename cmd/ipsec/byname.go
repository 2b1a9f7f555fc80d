// SPDX-License-Identifier: Apache-2.0

package main

import "path/filepath"

// commandLine returns the arguments of a process. One that goes by the name of a
// command is that command: eroute is "ipsec eroute".
func commandLine(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	name, args := filepath.Base(argv[0]), argv[1:]
	for _, cmd := range newRoot(&command{}).Commands() {
		if cmd.Name() == name {
			return append([]string{name}, args...)
		}
	}
	return args
}

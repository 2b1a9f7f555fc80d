// SPDX-License-Identifier: Apache-2.0

//go:build docs

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/ipsec-eroute/eroute/internal/manpages"
)

// main writes the manual pages to a directory instead of running commands: make docs.
func main() {
	root := newRoot(&command{env: &env{stdout: io.Discard, stderr: io.Discard}})
	if err := manpages.Write(root, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

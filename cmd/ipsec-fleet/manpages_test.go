// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"testing"

	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/testman"
)

// manDir is the directory of the manual pages.
const manDir = "../../docs/man"

func manRoot() *cobra.Command {
	return newRoot(&command{env: &env{stdout: io.Discard, stderr: io.Discard}})
}

// TestManPagesAreCurrent checks that the manual pages match the help texts.
func TestManPagesAreCurrent(t *testing.T) { testman.Current(t, manRoot(), manDir) }

// TestManPagesAreClean checks that mandoc reports nothing.
func TestManPagesAreClean(t *testing.T) { testman.Clean(t, manRoot(), manDir) }

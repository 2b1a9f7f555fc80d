// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/spf13/cobra"
)

const completionLong = `Prints a script that makes a shell complete ipsec command lines: actions, options,
interfaces, existing SAIDs, protocols and services.`

const completionExample = `  bash:  ipsec completion bash > /usr/share/bash-completion/completions/ipsec
  zsh:   ipsec completion zsh > /usr/share/zsh/vendor-completions/_ipsec
  fish:  ipsec completion fish > /usr/share/fish/vendor_completions.d/ipsec.fish`

// shells maps each shell to the writer of its script.
var shells = map[string]func(root *cobra.Command, w io.Writer) error{
	"bash": func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
	"zsh":  func(root *cobra.Command, w io.Writer) error { return root.GenZshCompletion(w) },
	"fish": func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
}

var shellNames = []string{"bash", "zsh", "fish"}

// Options of "ipsec completion".
const (
	cplHelp cli.ID = iota
	cplVersion
)

var completionOptions = cli.Options{
	cplHelp:    cli.HelpOption,
	cplVersion: cli.VersionOption,
}

func newCompletion(c *command) *cobra.Command {
	cmd := c.cobra("completion", "print a shell completion script", completionOptions, runCompletion)
	cmd.Long = completionLong
	cmd.Annotations = map[string]string{cli.UsageLines: "  ipsec completion bash|zsh|fish"}
	cmd.Example = completionExample
	cmd.ValidArgs = shellNames
	return cmd
}

func runCompletion(c *command, cmd *cobra.Command, args []string) error {
	if len(args) == 1 && slices.Contains(shellNames, args[0]) {
		return shells[args[0]](cmd.Root(), c.out)
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return fmt.Errorf("%s: must be one of bash, zsh and fish", strings.Join(args, " "))
	}
	if done, err := c.parse(cmd, completionOptions, args, cplHelp, cplVersion); done || err != nil {
		return err
	}
	return errors.New("needs a shell: bash, zsh or fish")
}

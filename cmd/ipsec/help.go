// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const rootLong = `ipsec manages the eroutes (extended routes) of a network namespace. They decide for each
packet that leaves through a watched interface whether it is encrypted by a Security
Association, passed in clear, dropped, rejected or held. Started through a link with the
name of a command, such as eroute or tncfg, the program runs that command.`

const rootExample = `  ipsec tncfg --attach --virtual ipsec0 --physical wan --ingress lan
  ipsec eroute --add --src 10.1.0.0/16 --dst 10.2.0.0/16 --said tun0x1000@192.0.2.2
  ipsec eroute`

// newHelp returns the command "ipsec help [COMMAND]".
func newHelp(c *command) *cobra.Command {
	return c.cobra("help [COMMAND]", "print the help of a command", nil, runHelp)
}

func runHelp(_ *command, cmd *cobra.Command, args []string) error {
	if len(args) == 1 && (args[0] == cmd.Name() || args[0] == "--help") {
		args = nil
	}
	topic, rest, err := cmd.Root().Find(args)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("unknown command %q: see ipsec --help", strings.Join(args, " "))
	}
	return topic.Help()
}

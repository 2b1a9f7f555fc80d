// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/doctor"
)

// Options of "ipsec doctor", in the order of the help text.
const (
	docJSON cli.ID = iota
	docLabel
	docDebug
	docHelp
	docVersion
)

var doctorOptions = cli.Options{
	docJSON:    {Name: "json", Group: cli.OtherGroup, Help: "print the findings as JSON"},
	docLabel:   cli.LabelOption,
	docDebug:   cli.DebugOption,
	docHelp:    cli.HelpOption,
	docVersion: cli.VersionOption,
}

const doctorLong = `Checks the kernel, interfaces, routes, eroute table and SAs of this network namespace, and
reports each problem with its impact and a remedy. It changes nothing and needs no table.

A note is a limitation that may be acceptable; a problem needs action. The exit status
is 1 if there is a problem, else 0.`

const doctorExample = `  ipsec doctor
  ipsec doctor --json | jq '.findings[] | select(.level == "problem")'`

func newDoctor(c *command) *cobra.Command {
	cmd := c.cobra("doctor", "report problems and their remedies", doctorOptions, runDoctor)
	cmd.Long = doctorLong
	cmd.Annotations = map[string]string{cli.UsageLines: "  ipsec doctor [--json]"}
	cmd.Example = doctorExample
	cmd.ValidArgsFunction = c.complete(doctorCompleter)
	return cmd
}

func runDoctor(c *command, cmd *cobra.Command, args []string) error {
	if done, err := c.parse(cmd, doctorOptions, args, docHelp, docVersion); done || err != nil {
		return err
	}
	c.note("looking at the kernel and this network namespace")
	findings, err := c.env.diagnose()
	if err != nil {
		return err
	}
	write := render.Findings
	if c.opts.Has(docJSON) {
		write = render.FindingsJSON
	}
	if err := write(c.out, findings); err != nil {
		return err
	}
	switch n := doctor.Problems(findings); n {
	case 0:
		return nil
	case 1:
		return fmt.Errorf("1 problem")
	default:
		return fmt.Errorf("%d problems", n)
	}
}

// diagnose returns the findings of "ipsec doctor" in the calling thread's network namespace.
func diagnose() ([]doctor.Finding, error) {
	facts, err := doctor.Gather()
	if err != nil {
		return nil, err
	}
	return doctor.Examine(facts), nil
}

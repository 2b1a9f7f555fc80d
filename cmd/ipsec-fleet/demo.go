// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/etcd"
	"github.com/ipsec-eroute/eroute/internal/sandbox"
)

// runDemo runs the demo in a sandbox.
func runDemo(c *command, ctx context.Context) error {
	if sandbox.Inside() {
		return c.demo(ctx)
	}
	for _, tool := range []string{"sh", "ip", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("needs %s: %w", tool, err)
		}
	}
	ipsec, err := findIpsec()
	if err != nil {
		return err
	}
	var errs bytes.Buffer
	err = sandbox.Run(ctx, []string{"demo"}, []string{demoVariable + "=" + ipsec}, func(cmd *exec.Cmd) { cmd.Stdout, cmd.Stderr = c.stdout, &errs })
	if text := strings.TrimPrefix(errs.String(), c.name+": "); err != nil && text != "" {
		return errors.New(text)
	}
	return err
}

// demoVariable is the path of the ipsec command, in the environment of the demo in its sandbox.
const demoVariable = "IPSEC_FLEET_DEMO"

// demoDir is the working directory, in memory.
const demoDir = "/run/ipsec-fleet-demo"

// demo runs the steps.
func (c *command) demo(ctx context.Context) (err error) {
	if err := sandbox.SetUp(); err != nil {
		return err
	}
	bin := filepath.Join(demoDir, "bin")
	if err := os.MkdirAll(bin, 0o700); err != nil {
		return err
	}
	for name, path := range map[string]string{"ipsec": os.Getenv(demoVariable), "ipsec-fleet": "/proc/1/exe"} {
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	if err := os.Setenv("PATH", bin+":"+os.Getenv("PATH")); err != nil {
		return err
	}
	if err := c.step(ctx, &demoSetup); err != nil {
		return err
	}
	config, err := etcd.Config(filepath.Join(demoDir, "etcd"), url.URL{Scheme: "http", Host: "192.0.2.1:2379"})
	if err != nil {
		return err
	}
	server, err := etcd.Start(config)
	if err != nil {
		return fmt.Errorf("etcd: %w", err)
	}
	defer server.Close()
	_, _ = fmt.Fprintf(c.stdout, "\nThe store, etcd, runs in this process at %s.\n", config.ListenClientUrls[0].String())
	for i := range demoSteps {
		if err := c.step(ctx, &demoSteps[i]); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintln(c.stdout, "\nEverything was as expected, and ends with this command.")
	return err
}

// step prints a step and its output, and checks it.
func (c *command) step(ctx context.Context, s *demoStep) error {
	_, _ = fmt.Fprintf(c.stdout, "\n%s\n", s.title)
	for line := range strings.Lines(s.script) {
		_, _ = fmt.Fprint(c.stdout, "  $ ", line)
	}
	cmd := exec.CommandContext(ctx, "sh", "-e")
	cmd.Dir, cmd.Stdin = demoDir, strings.NewReader(s.script)
	var out bytes.Buffer
	cmd.Stdout = &out
	cmd.Stderr = cmd.Stdout
	err := cmd.Run()
	text := out.String()
	for line := range strings.Lines(text) {
		_, _ = fmt.Fprint(c.stdout, "    ", line)
	}
	if s.fails {
		if err == nil {
			return fmt.Errorf("step %q: succeeded", s.title)
		}
		err = nil
	}
	if err != nil {
		return fmt.Errorf("step %q: %w", s.title, err)
	}
	text = strings.Join(strings.Fields(text), " ")
	for _, want := range s.wants {
		if !strings.Contains(text, want) {
			return fmt.Errorf("step %q: printed no %q", s.title, want)
		}
	}
	return nil
}

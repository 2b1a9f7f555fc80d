// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
)

// Command returns a command to run in the node's namespace as ip-netns(8) runs it: in its own mount namespace
// with a fresh /sys, without mounts below /sys.
func (n *Node) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.Namespace, name}, args...)...)
}

// IP runs ip(8) on the node's namespace and returns its standard output.
//
// Returns an error with the arguments and ip's standard error if it fails.
func (n *Node) IP(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "ip", append([]string{"-n", n.Namespace}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run ip %s on %s: %w: %s", strings.Join(args, " "), n.Name, err,
			strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

// Batch runs ip(8) commands on the node's namespace, one a line, until one fails.
func (n *Node) Batch(ctx context.Context, lines ...string) error {
	cmd := exec.CommandContext(ctx, "ip", "-n", n.Namespace, "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("run ip -batch on %s: %w: %s", n.Name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Shown runs ip(8) commands that show something on the node's namespace, one a line of each object, and returns
// their output.
func (n *Node) Shown(ctx context.Context, lines ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "ip", "-n", n.Namespace, "-oneline", "-batch", "-")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("run ip -batch on %s: %w: %s", n.Name, err, strings.TrimSpace(stderr.String()))
	}
	return stdout.String(), nil
}

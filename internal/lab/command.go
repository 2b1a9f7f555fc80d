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

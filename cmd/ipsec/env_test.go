// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"io/fs"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/session"
)

// testEnv returns an environment without tables, devices and resolver.
func testEnv(stdin io.Reader, stdout, stderr io.Writer) *env {
	return &env{
		stdin: stdin, stdout: stdout, stderr: stderr,
		openFile: func(name string) (io.ReadCloser, error) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		},
		settings: "settings.toml", resolver: testenv.Hosts, names: testenv.Names, version: "1.2.3",
		xfrmCounters: func() (map[string]uint64, error) {
			return map[string]uint64{"XfrmOutNoStates": 12, "XfrmInNoPols": 0}, nil
		},
		diagnose:   testFindings,
		policies:   testPolicies,
		session:    func([]string) *session.Session { return nil },
		interfaces: func() []string { return []string{"ipsec0", "lan", "wan"} },
	}
}

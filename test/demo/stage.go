// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// stage is the lab, the ipsec command on its east gateway, and the failed claims.
type stage struct {
	*lab.Lab
	ctx    context.Context
	ipsec  string
	failed []string
}

func newStage(ctx context.Context) (*stage, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	l, err := lab.New("demo")
	if err != nil {
		return nil, err
	}
	return &stage{Lab: l, ctx: ctx, ipsec: filepath.Join(dir, "bin", "ipsec")}, nil
}

// run runs an ipsec command on the east gateway and prints it.
func (s *stage) run(args ...string) (string, error) {
	fmt.Println("  $ ipsec", strings.Join(args, " "))
	out, err := s.East.Command(s.ctx, s.ipsec, args...).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		fmt.Print("    ", line)
	}
	if err != nil {
		return "", fmt.Errorf("ipsec %s: %w", strings.Join(args, " "), err)
	}
	return string(out), nil
}

// claim prints an observation, and records it if it is not the expected one.
func (s *stage) claim(holds bool, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if holds {
		fmt.Println("  ok  ", text)
		return
	}
	fmt.Println("  FAIL", text)
	s.failed = append(s.failed, text)
}

// seen is the outcome of pings from the east host: at the host, and on the wire between the gateways.
type seen struct {
	lab.PingResult
	clear, esp int
}

// ping sends three pings from the east host to dst.
func (s *stage) ping(dst netip.Addr) (seen, error) {
	return s.send(lab.Ping{Dst: dst, Count: pings})
}

// send sends pings from the east host and captures the wire meanwhile.
func (s *stage) send(p lab.Ping) (seen, error) {
	capture, err := s.CaptureWire()
	if err != nil {
		return seen{}, err
	}
	result, err := s.EastHost.Ping(s.ctx, p)
	frames, stopErr := capture.Stop()
	if err := errors.Join(err, stopErr); err != nil {
		return seen{}, err
	}
	return seen{result, frames.Containing([]byte(lab.Marker)), frames.Count(lab.Match{Proto: ipProtoESP})}, nil
}

const (
	pings      = 3
	ipProtoESP = 50
)

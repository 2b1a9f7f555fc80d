// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"

	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// saTraffic reads what XFRM has counted for SAs, once for each of them. It connects to XFRM at the first one.
type saTraffic struct {
	open   func() (explain.KernelView, error)
	kernel explain.KernelView
	known  map[eroute.SAID]*render.Traffic
}

// of returns the traffic of an SA; nil if the SA does not exist, or the user has no permission to read it.
func (s *saTraffic) of(said eroute.SAID) (*render.Traffic, error) {
	if read, ok := s.known[said]; ok {
		return read, nil
	}
	if s.known == nil {
		s.known = make(map[eroute.SAID]*render.Traffic)
	}
	s.known[said] = nil
	if s.kernel == nil {
		kernel, err := s.open()
		if err != nil {
			return nil, ignoreAbsent(err)
		}
		s.kernel = kernel
	}
	state, err := s.kernel.SA(said)
	if err != nil {
		return nil, ignoreAbsent(err)
	}
	s.known[said] = &render.Traffic{SAID: said.String(), Packets: state.Packets, Bytes: state.Bytes}
	return s.known[said], nil
}

// ignoreAbsent returns nil instead of the errors of an SA without figures.
func ignoreAbsent(err error) error {
	if errors.Is(err, xfrm.ErrNoState) || errors.Is(err, xfrm.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		return nil
	}
	return err
}

func (s *saTraffic) close() error {
	if s.kernel == nil {
		return nil
	}
	return s.kernel.Close()
}

// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// line is union index_line.
type line [8]uint64

const (
	lineSize   = int(unsafe.Sizeof(line{}))
	sheetLines = uint32(bpf.ABILimitsINDEX_CHUNK_LINES)
	mostSheets = uint32(bpf.ABILimitsINDEX_CHUNKS)
	sheetSize  = uintptr(sheetLines) * unsafe.Sizeof(line{})
)

// sheets are the maps that hold the lines of an index.
type sheets []*ebpf.Map

// makeSheets makes room for so many lines, all zero.
func makeSheets(lines uint32) (made sheets, err error) {
	n := (lines + sheetLines - 1) / sheetLines
	if n > mostSheets {
		return nil, fmt.Errorf("create index: %d lines are more than there is room for", lines)
	}
	spec, err := pinned.Specs()
	if err != nil {
		return nil, err
	}
	if made, err = pinned.NewMaps(spec.Maps[indexName].InnerMap, int(n)); err != nil {
		return nil, fmt.Errorf("create index: %w", err)
	}
	return made, nil
}

// lines maps the sheets into memory beside each other. It needs them no longer.
func (s sheets) lines() ([]line, error) {
	size := uintptr(len(s)) * sheetSize
	at, err := unix.MmapPtr(-1, 0, nil, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve memory for an index: %w", err)
	}
	lines := unsafe.Slice((*line)(at), len(s)*int(sheetLines))
	for i, m := range s {
		_, err := unix.MmapPtr(m.FD(), 0, unsafe.Add(at, uintptr(i)*sheetSize), sheetSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
		if err != nil {
			return nil, fmt.Errorf("map %s into memory: %w", m, errors.Join(err, unmapLines(lines)))
		}
	}
	return lines, nil
}

func unmapLines(lines []line) error {
	if err := unix.MunmapPtr(unsafe.Pointer(&lines[0]), uintptr(len(lines)*lineSize)); err != nil {
		return fmt.Errorf("unmap an index: %w", err)
	}
	return nil
}

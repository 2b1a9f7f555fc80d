// SPDX-License-Identifier: Apache-2.0

package index

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

// Sizes in bytes, lines and maps.
const (
	lineSize   = int(unsafe.Sizeof(line{}))
	chunkLines = uint32(bpf.ABILimitsINDEX_CHUNK_LINES)
	maxChunks  = uint32(bpf.ABILimitsINDEX_CHUNKS)
	chunkSize  = uintptr(chunkLines) * unsafe.Sizeof(line{})
)

// chunks are the maps that hold the lines of an index.
type chunks []*ebpf.Map

// newChunks creates the chunks for a number of lines, all zero.
func newChunks(lines uint32) (made chunks, err error) {
	n := (lines + chunkLines - 1) / chunkLines
	if n > maxChunks {
		return nil, fmt.Errorf("create index: %d lines exceed the limit", lines)
	}
	spec, err := pinned.Specs()
	if err != nil {
		return nil, err
	}
	if made, err = pinned.NewMaps(spec.Maps[MapName].InnerMap, int(n)); err != nil {
		return nil, fmt.Errorf("create index: %w", err)
	}
	return made, nil
}

// lines maps the chunks into memory, one behind the other. They may be closed afterwards.
func (s chunks) lines() ([]line, error) {
	size := uintptr(len(s)) * chunkSize
	at, err := unix.MmapPtr(-1, 0, nil, size, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve memory for an index: %w", err)
	}
	lines := unsafe.Slice((*line)(at), len(s)*int(chunkLines))
	for i, m := range s {
		_, err := unix.MmapPtr(m.FD(), 0, unsafe.Add(at, uintptr(i)*chunkSize), chunkSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
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

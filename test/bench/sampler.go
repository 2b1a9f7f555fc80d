// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sampler records the address of the instruction that CPU 0 executes, at fixed intervals of the guest's time.
// Where interrupts are off, the address is that at which they are on again.
type sampler struct {
	fd   int
	ring []byte // struct perf_event_mmap_page, then records
}

const (
	// samplePeriod is in ns: above the kernel's minimum of 10 us, and not a multiple of a packet's time.
	samplePeriod = 16411
	ringSize     = 1 << 22 // bytes
)

// startSampler starts a sampler of the kernel's instructions. The caller must call stop.
func startSampler() (*sampler, error) {
	attr := unix.PerfEventAttr{
		Type: unix.PERF_TYPE_SOFTWARE, Config: unix.PERF_COUNT_SW_CPU_CLOCK, Sample: samplePeriod,
		Sample_type: unix.PERF_SAMPLE_IP, Bits: unix.PerfBitExcludeUser | unix.PerfBitExcludeIdle,
	}
	attr.Size = uint32(unsafe.Sizeof(attr))
	fd, err := unix.PerfEventOpen(&attr, -1, 0, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open perf event: %w", err)
	}
	ring, err := unix.Mmap(fd, 0, os.Getpagesize()+ringSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("map samples: %w", err), unix.Close(fd))
	}
	return &sampler{fd, ring}, nil
}

// stop ends the sampler and returns the addresses.
func (s *sampler) stop() (addresses []uint64, err error) {
	if err := unix.IoctlSetInt(s.fd, unix.PERF_EVENT_IOC_DISABLE, 0); err != nil {
		return nil, fmt.Errorf("stop perf event: %w", err)
	}
	size := (*unix.PerfEventMmapPage)(unsafe.Pointer(&s.ring[0])).Data_head
	records := s.ring[os.Getpagesize():]
	if size+64 > uint64(len(records)) {
		err = fmt.Errorf("more samples than %d bytes", len(records))
	}
	for at := uint64(0); err == nil && at < size; { // struct perf_event_header: type, misc, size
		record := records[at:]
		if binary.NativeEndian.Uint32(record) == unix.PERF_RECORD_SAMPLE {
			addresses = append(addresses, binary.NativeEndian.Uint64(record[8:]))
		}
		at += uint64(binary.NativeEndian.Uint16(record[6:]))
	}
	return addresses, errors.Join(err, unix.Munmap(s.ring), unix.Close(s.fd))
}

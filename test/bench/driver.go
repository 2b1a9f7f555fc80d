// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf/bpftest"
)

// driver iterates over a list of frames: runs a program on them, or sends them through an interface.
type driver struct {
	coll    *ebpf.Collection
	program *ebpf.Program
	held    link.Link
	size    int
}

// The names of a driver's programs.
const (
	judged = "drive_in"
	sent   = "drive_out"
)

// outIfindex is the index of EastHost's eth0 in each lab.
const outIfindex = 100

func newDriver(frames []frame, what string) (*driver, error) {
	spec, err := bpftest.LoadDrive()
	if err != nil {
		return nil, fmt.Errorf("read driver: %w", err)
	}
	same, differs := compare(frames)
	list := spec.Maps["drive_frames"]
	list.MaxEntries, list.ValueSize = uint32(len(frames)), uint32(bits.OnesCount64(differs))
	for name, value := range map[string]any{
		"drive_count": uint32(len(frames)), "drive_ifindex": uint32(outIfindex), "drive_same": same, "drive_differs": differs,
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("set %s: %w", name, err)
		}
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("load driver: %w", err)
	}
	d := &driver{coll: coll, program: coll.Programs[what], size: len(frames)}
	if err := errors.Join(putBytes(coll.Maps["drive_frames"], frames, differs), d.spread(), d.hold()); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// compare returns a bit for each byte in which frames differ, at least one, and the other bytes at their
// offsets.
func compare(frames []frame) (same frame, differs uint64) {
	differs = 1
	first := bytesOf(&frames[0])
	for i := range frames {
		for at, b := range bytesOf(&frames[i]) {
			if b != first[at] {
				differs |= 1 << at
			}
		}
	}
	for at, b := range first {
		if differs&(1<<at) == 0 {
			bytesOf(&same)[at] = b
		}
	}
	return same, differs
}

func bytesOf(f *frame) *[frameSize]byte { return (*[frameSize]byte)(unsafe.Pointer(f)) }

// putBytes fills the list with those bytes.
func putBytes(list *ebpf.Map, frames []frame, differs uint64) error {
	each := (int(list.ValueSize()) + 7) / 8 * 8 // the stride of array elements
	page := os.Getpagesize()
	memory, err := unix.Mmap(list.FD(), 0, (len(frames)*each+page-1)/page*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map list of frames: %w", err)
	}
	for i := range frames {
		value := memory[i*each : i*each]
		for at, b := range bytesOf(&frames[i]) {
			if differs&(1<<at) != 0 {
				value = append(value, b)
			}
		}
	}
	return unix.Munmap(memory)
}

// hold attaches the program where no packets arrive, the loopback device of the calling thread's namespace.
// Otherwise the kernel rewrites its XDP dispatcher in each run, and waits for a grace period.
func (d *driver) hold() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find lo: %w", err)
	}
	d.held, err = link.AttachXDP(link.XDPOptions{Program: d.program, Interface: lo.Attrs().Index, Flags: link.XDPGenericMode})
	if err != nil {
		return fmt.Errorf("attach driver: %w", err)
	}
	return nil
}

// spread makes each CPU begin at another position of the list.
func (d *driver) spread() error {
	cpus, err := ebpf.PossibleCPU()
	if err != nil {
		return fmt.Errorf("count CPUs: %w", err)
	}
	positions := make([]uint32, cpus)
	for i := range positions {
		positions[i] = uint32(i * d.size / cpus)
	}
	if err := d.coll.Maps["drive_position"].Put(uint32(0), positions); err != nil {
		return fmt.Errorf("spread CPUs: %w", err)
	}
	return nil
}

func (d *driver) close() {
	if d.held != nil {
		_ = d.held.Close()
	}
	d.coll.Close()
}

// xdpContext is struct xdp_md (include/uapi/linux/bpf.h).
type xdpContext struct {
	Data, DataEnd, DataMeta, IngressIfindex, RxQueueIndex, EgressIfindex uint32
}

// judge runs a program on that many frames that arrived on an interface of the calling thread's namespace,
// and returns ns per frame. Returns an error if the program does not drop them.
func (d *driver) judge(program *ebpf.Program, ifindex, repeat int) (float64, error) {
	if err := d.coll.Maps["drive_judge"].Put(uint32(0), program); err != nil {
		return 0, fmt.Errorf("choose program: %w", err)
	}
	in := xdpContext{DataEnd: uint32(frameSize), IngressIfindex: uint32(ifindex)}
	started := time.Now()
	ret, err := d.program.Run(&ebpf.RunOptions{Data: make([]byte, frameSize), Context: in, Repeat: uint32(repeat)})
	took := time.Since(started)
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", program, err)
	}
	if ret != 1 { // XDP_DROP
		return 0, fmt.Errorf("%s answers %d, not to drop the packet", program, ret)
	}
	return float64(took.Nanoseconds()) / float64(repeat), nil
}

// liveFrames is BPF_F_TEST_XDP_LIVE_FRAMES: redirected frames are really sent.
const liveFrames = 1 << 1

// send sends that many frames from the calling thread's namespace.
func (d *driver) send(repeat int) error {
	_, err := d.program.Run(&ebpf.RunOptions{Data: make([]byte, frameSize), Repeat: uint32(repeat), Flags: liveFrames})
	if err != nil {
		return fmt.Errorf("send frames: %w", err)
	}
	return nil
}

// loadProgram loads one program without dependencies.
func loadProgram(read func() (*ebpf.CollectionSpec, error), name string) (*ebpf.Program, error) {
	spec, err := read()
	if err != nil {
		return nil, fmt.Errorf("read program %s: %w", name, err)
	}
	coll, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, fmt.Errorf("load program %s: %w", name, err)
	}
	defer coll.Close()
	return coll.DetachProgram(name), nil
}

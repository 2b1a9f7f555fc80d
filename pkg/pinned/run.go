// SPDX-License-Identifier: Apache-2.0

package pinned

import (
	"runtime"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// EthernetLen is the length of an Ethernet header in bytes.
const EthernetLen = 14

// testRun is the part of union bpf_attr for BPF_PROG_TEST_RUN (include/uapi/linux/bpf.h).
type testRun struct {
	prog, ret, dataIn, dataOut    uint32
	data, out                     uint64
	repeat, duration, ctxIn, ctxO uint32
	ctx, ctxOut                   uint64
}

// SKBContext is struct __sk_buff (include/uapi/linux/bpf.h) up to cb. Rest is space for the fields behind it, in this
// and later kernels.
type SKBContext struct {
	Len, PktType, Mark, QueueMapping, Protocol, VlanPresent, VlanTCI, VlanProto,
	Priority, IngressIfindex, Ifindex, TCIndex uint32
	CB   [5]uint32
	Rest [47]uint32
}

// Run runs a TC program once on an Ethernet frame. in is the context before, out after; ret is what the program
// returned. The library's own method first loads a program as a feature probe, which requires a capability; a test
// run requires none.
func Run(p *ebpf.Program, frame []byte, in, out *SKBContext) (ret uint32, err error) {
	attr, err := testRunOf(p, frame, in, out)
	return attr.ret, err
}

// RunTime is Run, and returns the time that the program ran.
func RunTime(p *ebpf.Program, frame []byte) (time.Duration, error) {
	attr, err := testRunOf(p, frame, &SKBContext{}, &SKBContext{})
	return time.Duration(attr.duration), err
}

func testRunOf(p *ebpf.Program, frame []byte, in, out *SKBContext) (attr testRun, err error) {
	var pinned runtime.Pinner
	defer pinned.Unpin()
	for _, p := range []any{&frame[0], in, out} {
		pinned.Pin(p)
	}
	const size = uint32(unsafe.Sizeof(*in))
	attr = testRun{
		prog: uint32(p.FD()), dataIn: uint32(len(frame)), data: uint64(uintptr(unsafe.Pointer(&frame[0]))), repeat: 1,
		ctxIn: size, ctx: uint64(uintptr(unsafe.Pointer(in))),
		ctxO: size, ctxOut: uint64(uintptr(unsafe.Pointer(out))),
	}
	for {
		_, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
		switch errno {
		case 0:
			return attr, nil
		case unix.EINTR:
		default:
			return attr, errno
		}
	}
}

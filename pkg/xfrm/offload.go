// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf/btf"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// HasESPOffload reports whether GRO receives ESP over IPv4: the module esp4_offload is loaded, or built into
// the kernel (CONFIG_INET_ESP_OFFLOAD).
func HasESPOffload() bool {
	if _, err := os.Stat("/sys/module/esp4_offload"); err == nil {
		return true
	}
	kernel, err := btf.LoadKernelSpec() // a built-in module has no directory in /sys
	if err != nil {
		return false
	}
	var receive *btf.Func
	return kernel.TypeByName("esp4_gro_receive", &receive) == nil
}

// LoadESPOffload makes the kernel load the module esp4_offload. It returns false if the kernel has none. It
// needs CAP_SYS_ADMIN.
//
// Nothing is offloaded: the kernel loads the module when a state requests offload to an interface. This state
// requests that of lo, in a new network namespace, and is deleted with it.
func LoadESPOffload() (bool, error) {
	err := InNewNamespace(func() error {
		h, err := Open()
		if err != nil {
			return err
		}
		defer h.Close()
		const lo = 1
		offload := binary.NativeEndian.AppendUint32(nil, lo) // struct xfrm_user_offload: ifindex, flags
		probe := probeState(unix.IPPROTO_ESP, IPv4)
		return h.change(request{probe.msgType, appendAttribute(probe.payload, nl.XFRMA_OFFLOAD_DEV, append(offload, 0, 0, 0, 0))})
	})
	for _, absent := range []error{unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.ENOSYS, unix.EINVAL} {
		if errors.Is(err, absent) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("load ESP offload: %w", err)
	}
	return true, nil
}

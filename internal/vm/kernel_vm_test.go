// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// ip runs iproute2 and fails the test on an error.
func ip(t *testing.T, args string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ip %s: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestKernelHasCollectMetadataXFRMInterface(t *testing.T) {
	t.Cleanup(func() { ip(t, "link del xfrmtest") })
	ip(t, "link add xfrmtest type xfrm external")
	if shown := ip(t, "-d link show xfrmtest"); !strings.Contains(shown, "xfrm external") {
		t.Errorf("the interface is not collect-metadata:\n%s", shown)
	}
}

func TestKernelHasTheKfunc(t *testing.T) {
	spec, err := btf.LoadKernelModuleSpec("xfrm_interface")
	if err != nil {
		t.Fatalf("load BTF of xfrm_interface: %v", err)
	}
	var kfunc *btf.Func
	if err := spec.TypeByName("bpf_skb_set_xfrm_info", &kfunc); err != nil {
		t.Errorf("find kfunc: %v", err)
	}
}

// The algorithms used by the tests of Security Associations.
func TestKernelTakesStates(t *testing.T) {
	const (
		ids  = "xfrm state add src 192.0.2.1 dst 192.0.2.2 proto "
		aead = "aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 128"
		hmac = "auth-trunc hmac(sha256) 0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f 128"
		cbc  = "enc cbc(aes) 0x000102030405060708090a0b0c0d0e0f"
	)
	for name, args := range map[string]string{
		"ESP AEAD":      "esp spi 0x101 reqid 1 mode tunnel " + aead,
		"ESP CBC, HMAC": "esp spi 0x101 reqid 1 mode transport " + hmac + " " + cbc,
		"AH":            "ah spi 0x101 reqid 1 mode tunnel " + hmac,
		"IPComp":        "comp spi 0x101 reqid 1 mode tunnel comp deflate",
	} {
		t.Run(name, func(t *testing.T) {
			t.Cleanup(func() { ip(t, "xfrm state flush") })
			ip(t, ids+args)
		})
	}
}

func TestKernelHasTCX(t *testing.T) {
	t.Cleanup(func() { ip(t, "link del vetha") })
	ip(t, "link add vetha type veth peer name vethb")
	device, err := net.InterfaceByName("vetha")
	if err != nil {
		t.Fatal(err)
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type:         ebpf.SchedCLS,
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
		License:      "GPL",
	})
	if err != nil {
		t.Fatalf("load program: %v", err)
	}
	defer prog.Close()
	tcx, err := link.AttachTCX(link.TCXOptions{Interface: device.Index, Program: prog, Attach: ebpf.AttachTCXEgress})
	if err != nil {
		t.Fatalf("attach program: %v", err)
	}
	if err := tcx.Close(); err != nil {
		t.Error(err)
	}
}

func TestGuestIsReady(t *testing.T) {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/bpf", &fs); err != nil || fs.Type != unix.BPF_FS_MAGIC {
		t.Errorf("/sys/fs/bpf is no BPF file system (type %#x, %v)", fs.Type, err)
	}
	file := os.Getenv("VM_SCRATCH") + "/test"
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Error(err)
	}
	if err := os.Remove(file); err != nil {
		t.Error(err)
	}
}

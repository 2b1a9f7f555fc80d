// SPDX-License-Identifier: Apache-2.0

package relaywire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// HoldEndReason is why a %hold eroute has ended. It determines what the relay does with its packets.
type HoldEndReason uint8

// The reasons.
const (
	Released HoldEndReason = 1 + iota // it was replaced: its packets are matched against the table again
	Freed                             // it was deleted: its packets are dropped
	Cleared                           // all holds were deleted
)

var endEventKinds = [...]bpf.ABIEventKind{
	Released: bpf.ABIEventKindEVENT_RELEASED, Freed: bpf.ABIEventKindEVENT_FREED, Cleared: bpf.ABIEventKindEVENT_CLEARED,
}

// HoldEnded is a message to the relay about a %hold eroute that has ended.
type HoldEnded struct {
	Flow   abi.FlowID // not for Cleared
	Reason HoldEndReason
}

// lockDir is the directory that only root can open: the relay locks it, and it has the pin of the program that puts
// a message into the ring buffer, behind the packets that matched the hold.
const (
	lockDir    = loader.PrivateName
	notifyName = "eroute_notify"

	// NotifyPin is the path of the pin below the pin directory.
	NotifyPin = lockDir + "/" + notifyName
)

// ErrRunning is returned if the network namespace has a relay.
var ErrRunning = errors.New("another relay runs in this network namespace")

// PinNotify loads the program with the maps of a new table and pins it below the pin directory dir.
func PinNotify(dir string, maps map[string]*ebpf.Map) error {
	if err := os.Mkdir(filepath.Join(dir, lockDir), 0o700); err != nil {
		return fmt.Errorf("create the relay's directory: %w", err)
	}
	prog, err := loader.LoadNotify(maps)
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	if err := prog.Pin(filepath.Join(dir, lockDir, notifyName)); err != nil {
		return fmt.Errorf("pin program that notifies the relay: %w", err)
	}
	return nil
}

// lock takes the lock of the relay, which lasts until the file is closed. Returns ErrRunning if another process has
// it.
func lock(dir *loader.Dir) (*os.File, error) {
	f, err := os.Open(dir.Path(lockDir))
	if err != nil {
		return nil, fmt.Errorf("open the relay's lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrRunning
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Notify sends messages to the relay, if one runs. Best effort: the relay recovers lost messages by rescanning. dir is
// the pin directory of the table, state the value of its relay map.
func Notify(dir *loader.Dir, state *bpf.ABIRelay, all []HoldEnded) error {
	if len(all) == 0 {
		return nil
	}
	if alive, err := IsAlive(state); err != nil || !alive {
		return err
	}
	prog, err := ebpf.LoadPinnedProgram(dir.Path(lockDir, notifyName), nil)
	if err != nil {
		return fmt.Errorf("open program that notifies the relay: %w", err)
	}
	defer func() { _ = prog.Close() }()
	for _, e := range all {
		frame := bytes.NewBuffer(make([]byte, pinned.EthernetLen))
		event := bpf.ABIEvent{Kind: uint32(endEventKinds[e.Reason])}
		if e.Reason != Cleared {
			event.Serial, event.Flow = e.Flow.Serial, abi.NewFlowKey(e.Flow.Selector, 0)
		}
		if err := binary.Write(frame, binary.NativeEndian, event); err != nil {
			return fmt.Errorf("write message to relay: %w", err)
		}
		var in, out pinned.SKBContext
		ret, err := pinned.Run(prog, frame.Bytes(), &in, &out)
		if err != nil {
			return fmt.Errorf("notify relay: %w", err)
		}
		if ret != 0 {
			return nil // no room in the ring buffer
		}
	}
	return nil
}

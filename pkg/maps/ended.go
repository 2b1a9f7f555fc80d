// SPDX-License-Identifier: Apache-2.0

package maps

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

// End is what becomes of the packets of a %hold eroute that is no more.
type End uint8

// The ends.
const (
	Released End = 1 + iota // its eroute was replaced: they meet the table again
	Freed                   // it was deleted
	Cleared                 // all were deleted
)

var endKinds = [...]bpf.ABIEventKind{
	Released: bpf.ABIEventKindEVENT_RELEASED, Freed: bpf.ABIEventKindEVENT_FREED, Cleared: bpf.ABIEventKindEVENT_CLEARED,
}

// Ended tells the relay of a %hold eroute that is no more.
type Ended struct {
	Flow abi.FlowID // not for Cleared
	How  End
}

// tellName is the program that gives the relay a command's message: into the ring buffer,
// behind the packets that met what the message says is no more. It is pinned where only root
// comes, in the directory that is also the relay's lock.
const (
	relayDir = loader.PrivateName
	tellName = "eroute_tell"

	// tellPin is where that is, from the pin directory on.
	tellPin = relayDir + "/" + tellName
)

// ErrRelayRuns says that the network namespace has a relay already.
var ErrRelayRuns = errors.New("another relay runs in this network namespace")

// pinTell pins the program in a new table's directory.
func pinTell(dir string, maps map[string]*ebpf.Map) error {
	if err := os.Mkdir(filepath.Join(dir, relayDir), 0o700); err != nil {
		return fmt.Errorf("make the relay's directory: %w", err)
	}
	prog, err := loader.LoadNotify(maps)
	if err != nil {
		return err
	}
	defer func() { _ = prog.Close() }()
	if err := prog.Pin(filepath.Join(dir, relayDir, tellName)); err != nil {
		return fmt.Errorf("pin program to tell the relay: %w", err)
	}
	return nil
}

// lockRelay takes the lock that one relay of a network namespace has until it ends. Returns
// ErrRelayRuns if another has it.
func lockRelay(dir *loader.Dir) (*os.File, error) {
	f, err := os.Open(dir.Path(relayDir))
	if err != nil {
		return nil, fmt.Errorf("open relay's lock: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrRelayRuns
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// tellRelay sends the relay messages about holds, if one runs. The relay recovers lost messages by rescanning.
// dir is the table's pin directory, state the value of its relay map.
func tellRelay(dir *loader.Dir, state *bpf.ABIRelay, all []Ended) error {
	if len(all) == 0 {
		return nil
	}
	if alive, err := relayAlive(state); err != nil || !alive {
		return err
	}
	prog, err := ebpf.LoadPinnedProgram(dir.Path(relayDir, tellName), nil)
	if err != nil {
		return fmt.Errorf("open program to tell the relay: %w", err)
	}
	defer func() { _ = prog.Close() }()
	for _, e := range all {
		frame := bytes.NewBuffer(make([]byte, pinned.EthernetLen))
		event := bpf.ABIEvent{Kind: uint32(endKinds[e.How])}
		if e.How != Cleared {
			event.Serial, event.Flow = e.Flow.Serial, abi.NewFlowKey(e.Flow.Selector, 0)
		}
		if err := binary.Write(frame, binary.NativeEndian, event); err != nil {
			return fmt.Errorf("write message to relay: %w", err)
		}
		var in, out pinned.SKBContext
		ret, err := pinned.Run(prog, frame.Bytes(), &in, &out)
		if err != nil {
			return fmt.Errorf("tell relay: %w", err)
		}
		if ret != 0 {
			return nil // it is busy
		}
	}
	return nil
}

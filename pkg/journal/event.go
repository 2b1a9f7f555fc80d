// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"strings"
	"time"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Kind is what happened.
type Kind uint8

// The kinds. The first five are changes of the table, the others are events of the relay.
const (
	KindAdd Kind = 1 + iota
	KindReplace
	KindDel
	KindClear
	KindRestore
	KindAcquire
	KindHold
	KindRelease
	KindReap
	KindLost
)

// KindNames are the names of the kinds in JSON and text.
var KindNames = [...]string{
	KindAdd: "add", KindReplace: "replace", KindDel: "del", KindClear: "clear", KindRestore: "restore",
	KindAcquire: "acquire", KindHold: "hold", KindRelease: "release", KindReap: "reap", KindLost: "lost",
}

// String returns the name of the kind: docs/json.md.
func (k Kind) String() string {
	if int(k) < len(KindNames) {
		return KindNames[k]
	}
	return ""
}

// Event is something that a command or the relay has done.
type Event struct {
	Kind    Kind
	Time    time.Time
	Flow    eroute.Selector // of a trap; zero: none
	Eroute  eroute.Selector // that was changed, or that the flow met or meets now; zero: none
	SAID    eroute.SAID     // of that; zero: not said, or a group whose text does not fit into the journal, see Detail
	Device  int             // ifindex of the ipsec device; 0: not known
	Packets int
	Detail  string // the journal truncates it to 71 bytes

	// DeviceName is the name of Device if it was looked up. The journal does not contain it.
	DeviceName string
}

// entryWords is the size of an entry in words of 8 bytes. The first is its sequence number.
const entryWords = 32

// RawEvent is an event as the map holds it, behind the sequence number. It is part of the layout.
type RawEvent struct {
	Time      int64 // nanoseconds since 1970
	Flow      bpf.ABIFlowKey
	Eroute    bpf.ABIFlowKey
	SAID      abi.SAIDKey
	Device    uint32
	Packets   uint32
	Kind      Kind
	HasFlow   bool
	HasEroute bool
	HasSAID   bool
	Length    uint8
	Detail    [71]byte
}

type entryValue [entryWords - 1]uint64

// A RawEvent fits into an entry.
var _ [unsafe.Sizeof(entryValue{}) - unsafe.Sizeof(RawEvent{})]byte

func (e *Event) words() entryValue {
	raw := RawEvent{
		Time: e.Time.UnixNano(), Device: uint32(e.Device), Packets: uint32(e.Packets), Kind: e.Kind,
		HasFlow: e.Flow.Src.IsValid(), HasEroute: e.Eroute.Src.IsValid(), HasSAID: e.SAID != eroute.SAID{},
	}
	if raw.HasFlow {
		raw.Flow = abi.NewFlowKey(e.Flow, 0)
	}
	if raw.HasEroute {
		raw.Eroute = abi.NewFlowKey(e.Eroute, 0)
	}
	if raw.HasSAID {
		raw.SAID = abi.SAIDKey{Proto: e.SAID.Proto, SPI: e.SAID.SPI}
		if e.SAID.Dst.IsValid() || e.SAID.IsGroup() {
			raw.SAID = abi.NewSAIDKey(e.SAID)
		}
	}
	raw.Length = uint8(copy(raw.Detail[:], e.text(len(raw.Detail))))
	var words entryValue
	*(*RawEvent)(unsafe.Pointer(&words)) = raw
	return words
}

// text is the detail as an entry has it, behind the text of a group if both fit into it.
func (e *Event) text(room int) string {
	if !e.SAID.IsGroup() {
		return e.Detail
	}
	group := e.SAID.String()
	if e.Detail == "" {
		return group
	}
	if both := group + " " + e.Detail; len(both) < room {
		return both
	}
	return e.Detail
}

func (words *entryValue) event() Event {
	raw := (*RawEvent)(unsafe.Pointer(words))
	e := Event{Kind: raw.Kind, Time: time.Unix(0, raw.Time), Device: int(raw.Device), Packets: int(raw.Packets)}
	if raw.HasFlow {
		e.Flow = abi.FlowSelector(&raw.Flow)
	}
	if raw.HasEroute {
		e.Eroute = abi.FlowSelector(&raw.Eroute)
	}
	e.Detail = string(raw.Detail[:min(int(raw.Length), len(raw.Detail))])
	switch {
	case !raw.HasSAID:
	case raw.SAID.IsGroup():
		text, rest, _ := strings.Cut(e.Detail, " ")
		group, err := eroute.ParseSAID(context.Background(), text, nil)
		if err == nil && group.IsGroup() && int(raw.Length) < len(raw.Detail) { // it was not truncated
			e.SAID, e.Detail = group, rest
		}
	case raw.SAID.Family != 0:
		e.SAID = raw.SAID.SAID()
	default:
		e.SAID = eroute.SAID{Proto: raw.SAID.Proto, SPI: raw.SAID.SPI}
	}
	return e
}

// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"time"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// NoticeKind is what a notice tells.
type NoticeKind uint8

// The kinds. The first five are changes of the table, the others come from the relay.
const (
	NoticeAdd NoticeKind = 1 + iota
	NoticeReplace
	NoticeDel
	NoticeClear
	NoticeRestore
	NoticeAcquire
	NoticeHold
	NoticeRelease
	NoticeReap
	NoticeLost
)

var noticeNames = [...]string{
	NoticeAdd: "add", NoticeReplace: "replace", NoticeDel: "del", NoticeClear: "clear", NoticeRestore: "restore",
	NoticeAcquire: "acquire", NoticeHold: "hold", NoticeRelease: "release", NoticeReap: "reap", NoticeLost: "lost",
}

// String returns the kind's name, as docs/json.md has it.
func (k NoticeKind) String() string {
	if int(k) < len(noticeNames) {
		return noticeNames[k]
	}
	return ""
}

// NoticeKindOf returns the kind with this name, 0 if there is none.
func NoticeKindOf(name string) NoticeKind {
	for k, n := range noticeNames {
		if n == name && n != "" {
			return NoticeKind(k)
		}
	}
	return 0
}

// Notice is something that a command or the relay has done, for monitors.
type Notice struct {
	Kind    NoticeKind
	Time    time.Time
	Flow    eroute.Selector // of a trap; zero: none
	Eroute  eroute.Selector // that was changed, or that the flow met or meets now; zero: none
	SAID    eroute.SAID     // of that; zero: not said
	Device  int             // ifindex of the ipsec device; 0: not known
	Packets int
	Detail  string // is cut off after 71 bytes
}

// entryWords is the size of an entry of the journal, in words of 8 bytes. The first is its
// number.
const entryWords = 32

// rawNotice is a notice as the journal holds it, behind the entry's number.
type rawNotice struct {
	Time      int64 // nanoseconds since 1970
	Flow      bpf.ABIFlowKey
	Eroute    bpf.ABIFlowKey
	SAID      abi.SAIDKey
	Device    uint32
	Packets   uint32
	Kind      NoticeKind
	HasFlow   bool
	HasEroute bool
	HasSAID   bool
	Length    uint8
	Detail    [71]byte
}

type entryValue [entryWords - 1]uint64

// It must fit in.
var _ [unsafe.Sizeof(entryValue{}) - unsafe.Sizeof(rawNotice{})]byte

func (n *Notice) words() entryValue {
	raw := rawNotice{
		Time: n.Time.UnixNano(), Device: uint32(n.Device), Packets: uint32(n.Packets), Kind: n.Kind,
		HasFlow: n.Flow.Src.IsValid(), HasEroute: n.Eroute.Src.IsValid(), HasSAID: n.SAID != eroute.SAID{},
	}
	if raw.HasFlow {
		raw.Flow = abi.NewFlowKey(n.Flow, 0)
	}
	if raw.HasEroute {
		raw.Eroute = abi.NewFlowKey(n.Eroute, 0)
	}
	if raw.HasSAID {
		raw.SAID = abi.SAIDKey{Proto: n.SAID.Proto, SPI: n.SAID.SPI}
		if n.SAID.Dst.IsValid() {
			raw.SAID = abi.NewSAIDKey(n.SAID)
		}
	}
	raw.Length = uint8(copy(raw.Detail[:], n.Detail))
	var words entryValue
	*(*rawNotice)(unsafe.Pointer(&words)) = raw
	return words
}

func (words *entryValue) notice() Notice {
	raw := (*rawNotice)(unsafe.Pointer(words))
	n := Notice{Kind: raw.Kind, Time: time.Unix(0, raw.Time), Device: int(raw.Device), Packets: int(raw.Packets)}
	if raw.HasFlow {
		n.Flow = abi.FlowSelector(&raw.Flow)
	}
	if raw.HasEroute {
		n.Eroute = abi.FlowSelector(&raw.Eroute)
	}
	if raw.HasSAID {
		n.SAID = eroute.SAID{Proto: raw.SAID.Proto, SPI: raw.SAID.SPI}
		if raw.SAID.Family != 0 {
			n.SAID = raw.SAID.SAID()
		}
	}
	n.Detail = string(raw.Detail[:min(int(raw.Length), len(raw.Detail))])
	return n
}

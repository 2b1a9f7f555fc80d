// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"crypto/rand"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// dirOut is XFRM_SA_DIR_OUT of linux/xfrm.h.
const dirOut = 2

// replayWindow is the size of the replay window, in packets.
const replayWindow = 32

// state is an XFRM state: the request that adds it, the same on both nodes except for its CPU.
type state struct {
	tunnel     Tunnel
	info       nl.XfrmUsersaInfo
	algorithms []*nl.RtAttr
}

// newState describes the state of a tunnel, with new keys.
func newState(t Tunnel) state {
	s := state{tunnel: t, algorithms: algorithms(t)}
	s.info = nl.XfrmUsersaInfo{Reqid: t.ReqID, Family: addressFamily(t.Dst), Mode: uint8(netlink.XFRM_MODE_TUNNEL)}
	s.info.Id = nl.XfrmId{Spi: nl.Swap32(t.SPI), Proto: uint8(protocol(t.Proto))}
	s.info.Id.Daddr.FromIP(t.Dst.AsSlice())
	s.info.Saddr.FromIP(t.Src.AsSlice())
	s.info.Lft = nl.XfrmLifetimeCfg{SoftByteLimit: nl.XFRM_INF, HardByteLimit: nl.XFRM_INF,
		SoftPacketLimit: nl.XFRM_INF, HardPacketLimit: nl.XFRM_INF}
	if t.Mode == TransportMode {
		s.info.Mode = uint8(netlink.XFRM_MODE_TRANSPORT)
	}
	if t.Proto != COMP && !t.NoReplayWindow {
		s.info.ReplayWindow = replayWindow
	}
	if t.AnyFamily {
		s.info.Flags = nl.XFRM_STATE_AF_UNSPEC
	}
	return s
}

func (s state) add(n *Node) error {
	err := n.Do(func() error {
		req := nl.NewNetlinkRequest(nl.XFRM_MSG_NEWSA, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
		info := s.info
		oneCPU := s.tunnel.OneCPU && n == s.tunnel.From
		if oneCPU { // the kernel requires a direction, and no replay window of an outbound state
			info.ReplayWindow = 0
		}
		req.AddData(&info)
		for _, a := range s.algorithms {
			req.AddData(a)
		}
		if s.tunnel.IfID != 0 && n == s.tunnel.From {
			req.AddData(nl.NewRtAttr(nl.XFRMA_IF_ID, nl.Uint32Attr(s.tunnel.IfID)))
		}
		if oneCPU {
			req.AddData(nl.NewRtAttr(nl.XFRMA_SA_DIR, []byte{dirOut}))
			req.AddData(nl.NewRtAttr(nl.XFRMA_SA_PCPU, nl.Uint32Attr(s.tunnel.CPU)))
		}
		_, err := req.Execute(unix.NETLINK_XFRM, 0)
		return err
	})
	if err != nil {
		return fmt.Errorf("add state on %s: %w", n.Name, err)
	}
	return nil
}

func (s state) del(n *Node) error {
	// Without a source: XfrmStateDel encodes IPv4 sources wrongly.
	id := &netlink.XfrmState{Dst: s.tunnel.Dst.AsSlice(), Proto: protocol(s.tunnel.Proto), Spi: int(s.tunnel.SPI)}
	if err := n.nl.XfrmStateDel(id); err != nil {
		return fmt.Errorf("delete state on %s: %w", n.Name, err)
	}
	return nil
}

// algorithms are the attributes with the algorithms of a tunnel and their keys.
func algorithms(t Tunnel) []*nl.RtAttr {
	attribute := func(typ int, msg interface{ Serialize() []byte }) *nl.RtAttr {
		return nl.NewRtAttr(typ, msg.Serialize())
	}
	hmac := attribute(nl.XFRMA_ALG_AUTH_TRUNC, &nl.XfrmAlgoAuth{
		AlgName: algorithmName("hmac(sha256)"), AlgKeyLen: 256, AlgTruncLen: 128, AlgKey: key(256)})
	switch {
	case t.Proto == COMP:
		return []*nl.RtAttr{attribute(nl.XFRMA_ALG_COMP, &nl.XfrmAlgo{AlgName: algorithmName("deflate")})}
	case t.Proto == AH:
		return []*nl.RtAttr{hmac}
	case t.Suite == Null:
		return []*nl.RtAttr{
			attribute(nl.XFRMA_ALG_AUTH, &nl.XfrmAlgo{AlgName: algorithmName("digest_null")}),
			attribute(nl.XFRMA_ALG_CRYPT, &nl.XfrmAlgo{AlgName: algorithmName("cipher_null")}),
		}
	case t.Suite == CBC:
		return []*nl.RtAttr{hmac, attribute(nl.XFRMA_ALG_CRYPT, &nl.XfrmAlgo{
			AlgName: algorithmName("cbc(aes)"), AlgKeyLen: 128, AlgKey: key(128)})}
	default: // the last 32 bits of the key are the salt (RFC 4106 section 8.1)
		return []*nl.RtAttr{attribute(nl.XFRMA_ALG_AEAD, &nl.XfrmAlgoAEAD{
			AlgName: algorithmName("rfc4106(gcm(aes))"), AlgKeyLen: 160, AlgICVLen: 128, AlgKey: key(160)})}
	}
}

func algorithmName(name string) (b [64]byte) { copy(b[:], name); return b }

// key is a random key of that many bits.
func key(bits int) []byte {
	b := make([]byte, bits/8)
	rand.Read(b)
	return b
}

func protocol(name string) netlink.Proto {
	return map[string]netlink.Proto{ESP: netlink.XFRM_PROTO_ESP, AH: netlink.XFRM_PROTO_AH, COMP: netlink.XFRM_PROTO_COMP}[name]
}

func addressFamily(a netip.Addr) uint16 {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

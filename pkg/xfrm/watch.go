// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/netlisten"
)

// Watch subscribes to states, their expiry and migration, and policies in the calling thread's network
// namespace. [Handle.States] returns the new states. It returns an error that wraps EPROTONOSUPPORT if the
// kernel has no XFRM_USER.
func Watch() (*netlisten.Socket, error) {
	return subscribe(stateGroups | 1<<(nl.XFRMNLGRP_POLICY-1))
}

// ChangesPolicies reports whether a message of [Watch] of this type can mean that policies have changed; so can 0, lost
// messages.
func ChangesPolicies(kind uint16) bool {
	switch kind {
	case 0, nl.XFRM_MSG_NEWPOLICY, nl.XFRM_MSG_UPDPOLICY, nl.XFRM_MSG_DELPOLICY, nl.XFRM_MSG_FLUSHPOLICY, nl.XFRM_MSG_POLEXPIRE:
		return true
	}
	return false
}

// stateGroups are the multicast groups with changes of states.
const stateGroups = 1<<(nl.XFRMNLGRP_SA-1) | 1<<(nl.XFRMNLGRP_EXPIRE-1) | 1<<(nl.XFRMNLGRP_MIGRATE-1)

func subscribe(groups uint32) (*netlisten.Socket, error) {
	return netlisten.Open("XFRM", unix.NETLINK_XFRM, groups)
}

// Listeners returns the number of sockets in the calling thread's network namespace that receive ACQUIREs. The
// kernel does not notify when there is none.
func Listeners() (n int, err error) {
	table, err := os.ReadFile("/proc/thread-self/net/netlink")
	if err != nil {
		return 0, fmt.Errorf("look for key managers: %w", err)
	}
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line) // sk, Eth (the protocol), Pid, Groups ...
		if len(fields) < 4 || fields[1] != strconv.Itoa(unix.NETLINK_XFRM) {
			continue
		}
		groups, err := strconv.ParseUint(fields[3], 16, 32)
		if err == nil && groups&(1<<(nl.XFRMNLGRP_ACQUIRE-1)) != 0 {
			n++
		}
	}
	return n, nil
}

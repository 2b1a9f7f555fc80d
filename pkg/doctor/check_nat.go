// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// natCheck reports packets whose source NAT has changed before they could be matched.
var natCheck = check{"nat", "source NAT changes no protected packets", (*Facts).anyWatched, func(f *Facts) (found []Finding) {
	if f.BlindToNAT {
		found = append(found, Finding{
			Level: Note, Text: "this kernel does not describe its connections (CONFIG_DEBUG_INFO_BTF_MODULES)",
			Cost:   "packets whose source NAT changes are matched with the new source only",
			Remedy: "exclude protected packets from NAT",
		})
	}
	if n := f.reason("translated"); n > 0 {
		found = append(found, Finding{
			Level: Problem, Text: fmt.Sprintf("source NAT has changed the source of %d protected packets: they were dropped, counted as translated", n),
			Cost:   "protected packets are lost",
			Remedy: "exclude protected packets from NAT, such as: " + strings.Join(exclusions(f.Translated), "; ") + "; existing connections keep their translation until conntrack -F",
		})
	}
	return found
}}

// exclusions returns the commands that exclude the packets of selectors from source NAT, for nftables and iptables.
func exclusions(all []eroute.Selector) (commands []string) {
	for _, s := range all {
		ip, iptables := "ip", "iptables"
		if s.Src.Addr().Is6() {
			ip, iptables = "ip6", "ip6tables"
		}
		nft := fmt.Sprintf("nft insert rule %s nat POSTROUTING %s saddr %s %s daddr %s", ip, ip, s.Src, ip, s.Dst)
		old := fmt.Sprintf("%s -t nat -I POSTROUTING -s %s -d %s", iptables, s.Src, s.Dst)
		if s.Proto != 0 {
			nft += fmt.Sprintf(" meta l4proto %d", s.Proto)
			old += fmt.Sprintf(" -p %d", s.Proto)
		}
		if s.SrcPort != 0 {
			nft += fmt.Sprintf(" th sport %d", s.SrcPort)
			old += fmt.Sprintf(" --sport %d", s.SrcPort)
		}
		if s.DstPort != 0 {
			nft += fmt.Sprintf(" th dport %d", s.DstPort)
			old += fmt.Sprintf(" --dport %d", s.DstPort)
		}
		commands = append(commands, fmt.Sprintf("%s accept, or %s -j ACCEPT", nft, old))
	}
	return commands
}

// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// Unsettled names what is no longer as Attach left it for the ipsec device: settings
// under net, and the rules and routes that answer rejected packets.
func Unsettled(virtual string) (changed []string, err error) {
	for _, s := range settings {
		name := fmt.Sprintf(s.path, virtual)
		value, err := os.ReadFile(filepath.Join("/proc/sys/net", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read setting: %w", err)
		}
		if is := strings.TrimSpace(string(value)); is != s.value {
			changed = append(changed, fmt.Sprintf("net.%s is %s, not %s", strings.ReplaceAll(name, "/", "."), is, s.value))
		}
	}
	for _, family := range families {
		rules, err := netdump.Rules(family, rejectRule(family), netlink.RT_FILTER_TABLE|netlink.RT_FILTER_MARK)
		if isGone(err) {
			continue // no such family
		}
		if err != nil {
			return nil, fmt.Errorf("list rules: %w", err)
		}
		routes, err := netdump.Routes(family, rejectRoute(family), netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
		if err != nil && !isGone(err) {
			return nil, fmt.Errorf("list routes: %w", err)
		}
		if len(rules) == 0 || len(routes) == 0 {
			changed = append(changed, fmt.Sprintf("the rule or the route of table %d for rejected packets is gone", bpf.ABILimitsREJECT_TABLE))
			break
		}
	}
	return changed, nil
}

// settle makes what [Unsettled] names what attach made it.
func settle(virtual string) error {
	changed, err := Unsettled(virtual)
	if err != nil || len(changed) == 0 {
		return err
	}
	return errors.Join(applySettings(virtual), addReject())
}

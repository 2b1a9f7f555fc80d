// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// settings of an ipsec device (Documentation/networking/ip-sysctl.rst). The kernel removes them with the
// device.
var settings = []struct{ path, value string }{
	// Policies of key managers must not apply to traffic that is routed here: the table decides.
	{"ipv4/conf/%s/disable_xfrm", "1"},
	// Programs look up the route back to the sender of a rejected packet as if it arrived on this device.
	{"ipv4/conf/%s/forwarding", "1"},
	{"ipv6/conf/%s/forwarding", "1"},
	// The device sends no packets of its own: no address, no router solicitation.
	{"ipv6/conf/%s/addr_gen_mode", "1"},
	{"ipv6/conf/%s/accept_ra", "0"},
	{"ipv6/conf/%s/router_solicitations", "0"},
}

func applySettings(name string) error {
	for _, s := range settings {
		path := filepath.Join("/proc/sys/net", fmt.Sprintf(s.path, name))
		err := os.WriteFile(path, []byte(s.value), 0)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6, or a kernel without this setting
		}
		if err != nil {
			return fmt.Errorf("set up %s: %w", name, err)
		}
	}
	return nil
}

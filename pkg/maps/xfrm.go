// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// openXFRM connects to XFRM in the calling thread's network namespace. Returns nil if the kernel has no XFRM.
var openXFRM = func() (sas.XFRM, error) {
	h, err := xfrm.Open()
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"path/filepath"

	"github.com/ipsec-eroute/eroute/bpf"
)

// TablePath returns the path at which the table of the network namespace with this cookie is pinned, if it
// exists. Without a lock the table may be read, but not changed.
func TablePath(cookie uint64) (string, error) {
	root, err := BPFFS(false)
	if err != nil {
		return "", err
	}
	return tablePath(root, cookie), nil
}

func tablePath(root string, cookie uint64) string {
	return filepath.Join(root, "ipsec", bpf.Layout(), fmt.Sprint(cookie))
}

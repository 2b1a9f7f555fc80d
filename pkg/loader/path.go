// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"path/filepath"

	"github.com/ipsec-eroute/eroute/bpf"
)

// TablePath returns where the table of a network namespace is pinned, if it is, by the
// namespace's cookie. What is there may be looked at, but not changed, without a lock.
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

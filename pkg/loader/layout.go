// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/ipsec-eroute/eroute/bpf"
)

// LayoutError is returned if the network namespace has a table whose maps have the layout of another version of
// this program. It must not be used, nor ignored: packets are matched against it.
type LayoutError struct {
	Path   string // its pin directory
	Layout string // such as "v10-0123abcd"
}

func (e *LayoutError) Error() string {
	return fmt.Sprintf("the table of this network namespace has layout %s, and this version has %s: "+
		"with the version that made it, save it (ipsec eroute --save) and detach (ipsec tncfg --clear); then rm -r %s",
		e.Layout, bpf.Layout(), e.Path)
}

// checkLayouts returns a *LayoutError if a pin directory of another layout exists for the network namespace of
// path.
func checkLayouts(path string) error {
	layout, cookie := filepath.Base(filepath.Dir(path)), filepath.Base(path)
	others, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(path)), "v*", cookie))
	if err != nil {
		return fmt.Errorf("look for other layouts: %w", err)
	}
	for _, other := range others {
		if l := filepath.Base(filepath.Dir(other)); l != layout {
			return &LayoutError{visible(other), l}
		}
	}
	return nil
}

// visible returns a path in bpffs as the user sees it, without the path to another process's root.
func visible(path string) string {
	if at := strings.Index(path, bpffsPath); at >= 0 {
		path = path[at:]
	}
	return path
}

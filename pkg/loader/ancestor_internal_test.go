// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"io/fs"
	"slices"
	"testing"
)

// TestAncestors checks that an ancestor that exits while the line is read is left out, and that one whose
// parent is hidden ends the line.
func TestAncestors(t *testing.T) {
	for _, c := range []struct {
		name     string
		parents  []map[int]int // one map per read of the line; the last is reused
		want     []int
		complete bool
	}{
		{"all there", []map[int]int{{10: 20, 20: 1, 1: 0}}, []int{10, 20, 1}, true},
		{"one exits", []map[int]int{{10: 20, 20: 30}, {10: 20, 20: 1, 1: 0}}, []int{10, 20, 1}, true},
		{"one after the other exits", []map[int]int{{10: 20, 20: 30}, {10: 20}, {10: 1, 1: 0}}, []int{10, 1}, true},
		{"one is hidden", []map[int]int{{10: 20, 20: 30}}, []int{10, 20, 30}, false},
		{"one exits, another is hidden", []map[int]int{{10: 20, 20: 30}, {10: 40}}, []int{10, 40}, false},
	} {
		read := -1
		line, complete := ancestorsOf(10, func(pid int) (int, error) {
			if pid == 10 {
				read++
			}
			parent, known := c.parents[min(read, len(c.parents)-1)][pid]
			if !known {
				return 0, fs.ErrNotExist
			}
			return parent, nil
		})
		if !slices.Equal(line, c.want) || complete != c.complete {
			t.Errorf("%s: %v, complete: %v, want %v, %v", c.name, line, complete, c.want, c.complete)
		}
	}
}

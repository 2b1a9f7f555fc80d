// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"errors"
	"fmt"
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/diff"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// All yields the changes.
func (b *Batch) All() iter.Seq2[eroute.Change, error] {
	return func(yield func(eroute.Change, error) bool) {
		for _, change := range b.Changes.All() {
			if !yield(change, nil) {
				return
			}
		}
	}
}

// Table returns the table that the file describes.
func (b *Batch) Table() (*diff.Table, error) {
	d := &diff.Table{}
	for i, change := range b.Changes.All() {
		if change.Op != eroute.OpAdd {
			return nil, b.NotAdd(i)
		}
		d.Add(change.Selector, change.SAID)
	}
	if err := d.Sort(); err != nil {
		if twice, ok := errors.AsType[*diff.DuplicateError](err); ok {
			err = b.Refusal(&eroute.ChangeError{Index: twice.Index, Change: b.Changes.At(twice.Index), Err: eroute.ErrExist})
		}
		return nil, err
	}
	return d, nil
}

// NotAdd returns the error of a change other than --add in a file that describes a table.
func (b *Batch) NotAdd(i int) error {
	return &LineError{b.File, int(b.Lines[i]), fmt.Errorf("--%v: only --add lines are allowed in a table file", b.Changes.At(i).Op)}
}

// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"errors"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func TestChangeValidate(t *testing.T) {
	good := sel("10.0.0.0/8", "0.0.0.0/0", 0)
	bad := sel("10.0.0.7/8", "0.0.0.0/0", 0)
	for _, tt := range []struct {
		name   string
		change eroute.Change
		want   error
	}{
		{"add", eroute.Change{Op: eroute.OpAdd, Selector: good, SAID: eroute.Pass}, nil},
		{"replace", eroute.Change{Op: eroute.OpReplace, Selector: good, SAID: eroute.Pass}, nil},
		{"delete", eroute.Change{Op: eroute.OpDel, Selector: good}, nil},
		{"clear", eroute.Change{Op: eroute.OpClear}, nil},
		{"add without SAID", eroute.Change{Op: eroute.OpAdd, Selector: good}, eroute.ErrBadSAID},
		{"replace without SAID", eroute.Change{Op: eroute.OpReplace, Selector: good}, eroute.ErrBadSAID},
		{"add with host bits", eroute.Change{Op: eroute.OpAdd, Selector: bad, SAID: eroute.Pass}, eroute.ErrBadPrefix},
		{"delete with host bits", eroute.Change{Op: eroute.OpDel, Selector: bad}, eroute.ErrBadPrefix},
		{"nothing", eroute.Change{}, eroute.ErrBadOp},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.change.Validate(); !errors.Is(err, tt.want) {
				t.Errorf("Validate = %v, want %v", err, tt.want)
			}
		})
	}
}

func TestChangeError(t *testing.T) {
	selector := sel("10.0.0.0/8", "10.9.9.9/32", 6, 0, 110)
	for _, tt := range []struct {
		err  eroute.ChangeError
		want string
	}{
		{
			eroute.ChangeError{Index: 3, Change: eroute.Change{Op: eroute.OpAdd, Selector: selector}, Err: eroute.ErrExist},
			"add 10.0.0.0/8 -> 10.9.9.9/32:110 protocol 6: already in use: delete it first",
		},
		{
			eroute.ChangeError{Change: eroute.Change{Op: eroute.OpDel, Selector: sel("::/0", "::/0", 0)}, Err: eroute.ErrNotFound},
			"del ::/0 -> ::/0: no such eroute",
		},
		{
			eroute.ChangeError{Change: eroute.Change{Op: eroute.OpClear}, Err: eroute.ErrTableFull},
			"clear: table full",
		},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("text %q, want %q", got, tt.want)
		}
		if !errors.Is(&tt.err, tt.err.Err) {
			t.Errorf("%q does not answer errors.Is for its cause", tt.want)
		}
	}
}

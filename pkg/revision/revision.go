// SPDX-License-Identifier: Apache-2.0

// Package revision records of which revision of a fleet the eroute table is, in a map that only user space reads.
package revision

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unsafe"

	"github.com/cilium/ebpf"
)

// Revision is what ipsec eroute --restore --revision has recorded.
type Revision struct {
	ID      string // "": the table is of no revision
	Changed bool   // a command has changed eroutes since
}

// Texts of a revision.
const (
	none    = "none"
	changed = "changed"
)

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Parse parses the text of a revision: its ID, also with ",changed", or "none".
func Parse(text string) (Revision, error) {
	id, rest, more := strings.Cut(text, ",")
	switch {
	case text == none:
		return Revision{}, nil
	case !idPattern.MatchString(id) || id == none || more && rest != changed:
		return Revision{}, fmt.Errorf("want 1 to %d letters, digits, dots, dashes and underscores, also with \",%s\", or %q", len(value{}.ID), changed, none)
	}
	return Revision{id, more}, nil
}

// String returns the text that [Parse] parses.
func (r Revision) String() string {
	switch {
	case r.ID == "":
		return none
	case r.Changed:
		return r.ID + "," + changed
	}
	return r.ID
}

// value is the value of the map's only key. Without the key the table is of no revision.
type value struct {
	ID      [64]byte // filled up with zeros
	Changed uint8
}

// ValueType is the type of the values of the map.
var ValueType = reflect.TypeFor[value]()

// MapName is the name of the map.
const MapName = "eroute_revision"

// Spec describes the map. It is a hash, whose values are replaced atomically: readers do not lock the table.
var Spec = &ebpf.MapSpec{
	Name: MapName, Type: ebpf.Hash, KeySize: 4, ValueSize: uint32(unsafe.Sizeof(value{})), MaxEntries: 1,
}

// Record is the map.
type Record struct{ m *ebpf.Map }

// NewRecord returns the record in a map, which the caller owns.
func NewRecord(m *ebpf.Map) Record { return Record{m} }

const key = uint32(0)

// Read returns the revision.
func (r Record) Read() (Revision, error) {
	var v value
	err := r.m.Lookup(key, &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return Revision{}, nil
	}
	if err != nil {
		return Revision{}, fmt.Errorf("read the revision of the table: %w", err)
	}
	return Revision{strings.TrimRight(string(v.ID[:]), "\x00"), v.Changed != 0}, nil
}

// Write replaces the revision.
func (r Record) Write(to Revision) error {
	var err error
	if to.ID == "" {
		if err = r.m.Delete(key); errors.Is(err, ebpf.ErrKeyNotExist) {
			err = nil
		}
	} else {
		v := value{}
		copy(v.ID[:], to.ID)
		if to.Changed {
			v.Changed = 1
		}
		err = r.m.Put(key, v)
	}
	if err != nil {
		return fmt.Errorf("record the revision of the table: %w", err)
	}
	return nil
}

// MarkChanged records that eroutes change. It comes before the change: a command can be killed during it.
func (r Record) MarkChanged() error {
	now, err := r.Read()
	if err != nil || now.ID == "" || now.Changed {
		return err
	}
	now.Changed = true
	return r.Write(now)
}

// SPDX-License-Identifier: Apache-2.0

package session

import (
	"errors"
	"iter"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Warner warns before changes that cut a session. Its warnings are best effort. A nil Warner does nothing.
type Warner struct {
	Session *Session
	Devices []device.Attachment // before the change
	Kernel  func() (explain.KernelView, error)
	Warn    func(danger string) // see [Session.Danger]
	Note    func(error)         // why the effect cannot be predicted
}

// Table is the table that changes. Check reports whether changes are possible.
type Table interface {
	explain.Table
	Check(changes *eroute.Changes) (maps.Effect, error)
}

// Changes warns if changes of the table that can be made cut the session.
func (w *Warner) Changes(t Table, changes *eroute.Changes) {
	if w == nil || len(w.Devices) == 0 {
		return
	}
	f, err := NewForecast(t, w.Session.Reply())
	if err != nil {
		w.Note(err)
		return
	}
	for _, change := range changes.All() {
		f.Add(change)
	}
	w.forecast(t, f, func() bool {
		_, err := t.Check(changes)
		return err == nil
	})
}

// Restore warns if the eroutes cut the session when they replace the table, at their end.
func (w *Warner) Restore(t explain.Table, eroutes iter.Seq2[eroute.Change, error]) iter.Seq2[eroute.Change, error] {
	if w == nil || len(w.Devices) == 0 {
		return eroutes
	}
	f, err := NewForecast(t, w.Session.Reply())
	if err != nil {
		w.Note(err)
		return eroutes
	}
	f.Add(eroute.Change{Op: eroute.OpClear})
	return func(yield func(eroute.Change, error) bool) {
		for change, err := range eroutes {
			if !yield(change, err) {
				return
			}
			f.Add(change)
		}
		w.forecast(t, f, func() bool { return true })
	}
}

// forecast warns if the forecast changes of the table cut the session, and possible returns true.
func (w *Warner) forecast(t explain.Table, f *Forecast, possible func() bool) {
	after, err := f.After()
	switch {
	case err != nil:
		w.Note(err)
	case !Same(f.Before(), after) && possible():
		w.warn(t, Situation{Match: f.Before(), Devices: w.Devices}, Situation{Match: after, Devices: w.Devices})
	}
}

// ReplaceDevices warns if the session is cut when the ipsec devices become others.
func (w *Warner) ReplaceDevices(t explain.Table, next []device.Attachment) {
	if w == nil {
		return
	}
	f, err := NewForecast(t, w.Session.Reply())
	if err != nil {
		w.Note(err)
		return
	}
	w.warn(t, Situation{Match: f.Before(), Devices: w.Devices}, Situation{Match: f.Before(), Devices: next})
}

// warn warns if the session is cut.
func (w *Warner) warn(t explain.Table, before, after Situation) {
	kernel, err := w.Kernel()
	if err != nil {
		w.Note(err)
		return
	}
	danger, err := w.Session.Danger(t, kernel, before, after)
	switch err := errors.Join(err, kernel.Close()); {
	case err != nil:
		w.Note(err)
	case danger != "":
		w.Warn(danger)
	}
}

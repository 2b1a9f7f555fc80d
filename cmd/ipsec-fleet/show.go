// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/internal/screen"
	"github.com/ipsec-eroute/eroute/pkg/fleet"
	"github.com/ipsec-eroute/eroute/pkg/fleet/store"
)

// offline is shown in place of the state of a gateway that does not report.
const offline = "offline"

// documentVersion is that of the JSON documents.
const documentVersion = 1

type ringJSON struct {
	Ring     string    `json:"ring"`
	Revision string    `json:"revision,omitempty"`
	Serial   uint64    `json:"serial,omitempty"`
	Previous string    `json:"previous,omitempty"`
	Author   string    `json:"author,omitempty"`
	Time     time.Time `json:"time,omitzero"`
	Error    string    `json:"error,omitempty"` // why the assignment is not valid
	Gateways int       `json:"gateways"`
	Current  int       `json:"current"` // gateways that have confirmed the revision
}

type gatewayJSON struct {
	Name      string    `json:"name"`
	Ring      string    `json:"ring"`
	Online    bool      `json:"online"`
	State     string    `json:"state"`
	Confirmed string    `json:"confirmed,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Version   string    `json:"version,omitempty"`
	Time      time.Time `json:"time,omitzero"`
}

type statusJSON struct {
	Version  int           `json:"version"`
	Rings    []ringJSON    `json:"rings"`
	Gateways []gatewayJSON `json:"gateways"`
}

// state reads the rings and the gateways.
func (o *operator) state(ctx context.Context) (*statusJSON, error) {
	registered, err := o.store.Gateways(ctx)
	if err != nil {
		return nil, err
	}
	statuses, err := o.store.Statuses(ctx)
	if err != nil {
		return nil, err
	}
	assignments, err := o.store.Rings(ctx)
	if err != nil {
		return nil, err
	}
	rings := map[string]*ringJSON{}
	for _, v := range assignments {
		r := &ringJSON{Ring: v.Name}
		if a, err := fleet.OpenAssignment(v.Name, v.Value, o.keys); err != nil {
			r.Error = err.Error()
		} else {
			r.Revision, r.Serial, r.Previous, r.Author, r.Time = a.Revision, a.Serial, a.Previous, a.Author, a.Time
		}
		rings[v.Name] = r
	}
	doc := &statusJSON{Version: documentVersion, Rings: []ringJSON{}, Gateways: []gatewayJSON{}}
	for _, id := range slices.Sorted(maps.Keys(registered)) {
		g := gatewayJSON{Name: id, Ring: registered[id].Ring, State: offline}
		if s, online := statuses[id]; online {
			g.Online, g.State, g.Confirmed, g.Reason, g.Version, g.Time = true, string(s.State), s.Confirmed, s.Reason, s.Version, s.Time
		}
		doc.Gateways = append(doc.Gateways, g)
		r := rings[g.Ring]
		if r == nil {
			r = &ringJSON{Ring: g.Ring}
			rings[g.Ring] = r
		}
		r.Gateways++
		if g.Confirmed != "" && g.Confirmed == r.Revision && g.State == string(fleet.Confirmed) {
			r.Current++
		}
	}
	for _, ring := range slices.Sorted(maps.Keys(rings)) {
		doc.Rings = append(doc.Rings, *rings[ring])
	}
	return doc, nil
}

var statusOptions = cli.Options{
	{Name: "watch", Group: "Options", Help: "show it on the terminal until interrupted, gateways that have not confirmed first"},
	jsonOption,
}

// statusInterval is the time between two readings of --watch.
const statusInterval = 2 * time.Second

func runStatus(c *command, ctx context.Context) error {
	asJSON, watch := c.opts.HasName(jsonOption.Name), c.opts.HasName("watch")
	switch {
	case asJSON && watch:
		return errors.New("--watch: not together with --json")
	case watch && !screen.IsTerminal(c.stdout):
		return errors.New("--watch: standard output is not a terminal")
	}
	return c.asOperator(ctx, func(o *operator) error {
		if watch {
			terminal := screen.Terminal{In: c.stdin, Out: c.stdout, Environ: os.Environ()}
			return terminal.RunText(ctx, statusInterval, func() (string, error) { return o.statusText(ctx) })
		}
		doc, err := o.state(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return json.NewEncoder(c.out).Encode(doc)
		}
		return writeStatus(c.out, doc)
	})
}

// statusText returns the status for a terminal.
func (o *operator) statusText(ctx context.Context) (string, error) {
	doc, err := o.state(ctx)
	if err != nil {
		return "", err
	}
	doc.urgentFirst()
	var text strings.Builder
	err = writeStatus(&text, doc)
	return text.String(), err
}

// urgentFirst sorts gateways that have not confirmed the revision of their ring before the others.
func (doc *statusJSON) urgentFirst() {
	revisions := map[string]string{}
	for _, r := range doc.Rings {
		revisions[r.Ring] = r.Revision
	}
	rank := func(g gatewayJSON) int {
		switch {
		case g.State == string(fleet.Confirmed) && g.Confirmed == revisions[g.Ring]:
			return 2
		case g.State == string(fleet.Applying):
			return 1
		}
		return 0
	}
	slices.SortStableFunc(doc.Gateways, func(a, b gatewayJSON) int { return rank(a) - rank(b) })
}

// writeStatus writes the status as tables.
func writeStatus(w io.Writer, doc *statusJSON) error {
	rows := [][]string{{"RING", "REVISION", "CURRENT", "ASSIGNED"}}
	for _, r := range doc.Rings {
		if r.Error != "" {
			rows = append(rows, []string{r.Ring, "not valid", "", r.Error})
			continue
		}
		rows = append(rows, []string{r.Ring, short(r.Revision), fmt.Sprintf("%d of %d", r.Current, r.Gateways), when(r.Time, r.Author)})
	}
	if err := writeTable(w, rows); err != nil {
		return err
	}
	rows = [][]string{{"GATEWAY", "RING", "STATE", "CONFIRMED", "REASON"}}
	for _, g := range doc.Gateways {
		rows = append(rows, []string{g.Name, g.Ring, g.State, short(g.Confirmed), cmp.Or(g.Reason, "-")})
	}
	_, _ = fmt.Fprintln(w)
	return writeTable(w, rows)
}

var gatewaysOptions = cli.Options{
	{Name: "remove", Arg: "NAME", Group: "Options", Help: "remove a gateway that no longer exists"},
	jsonOption,
}

func runGateways(c *command, ctx context.Context) error {
	return c.asOperator(ctx, func(o *operator) error {
		if name := c.value("remove"); name != "" {
			if err := fleet.CheckName("--remove value", name); err != nil {
				return err
			}
			return o.store.Remove(ctx, name)
		}
		doc, err := o.state(ctx)
		if err != nil {
			return err
		}
		if c.opts.HasName(jsonOption.Name) {
			return json.NewEncoder(c.out).Encode(map[string]any{"version": documentVersion, "gateways": doc.Gateways})
		}
		rows := [][]string{{"GATEWAY", "RING", "ONLINE", "AGENT"}}
		for _, g := range doc.Gateways {
			online := "no"
			if g.Online {
				online = "yes"
			}
			rows = append(rows, []string{g.Name, g.Ring, online, cmp.Or(g.Version, "-")})
		}
		return writeTable(c.out, rows)
	})
}

type revisionJSON struct {
	ID string `json:"revision"`
	*fleet.Revision
	Rings []string `json:"rings"`           // to which it is assigned
	Error string   `json:"error,omitempty"` // why the revision is not valid
}

func runHistory(c *command, ctx context.Context) error {
	return c.asOperator(ctx, func(o *operator) error {
		stored, err := o.store.Revisions(ctx)
		if err != nil {
			return err
		}
		doc, err := o.state(ctx)
		if err != nil {
			return err
		}
		all := history(stored, o.keys, doc.Rings)
		if c.opts.HasName(jsonOption.Name) {
			return json.NewEncoder(c.out).Encode(map[string]any{"version": documentVersion, "revisions": all})
		}
		return c.history(all)
	})
}

// history returns the revisions of the store, the newest first, also those that are not valid.
func history(stored []store.Stored, keys []ed25519.PublicKey, rings []ringJSON) []revisionJSON {
	all := []revisionJSON{}
	for _, v := range slices.Backward(stored) {
		row := revisionJSON{ID: v.Name, Rings: []string{}}
		var err error
		if row.Revision, err = fleet.OpenRevision(v.Name, v.Value, keys); err != nil {
			row.Error = err.Error()
		}
		for _, ring := range rings {
			if ring.Revision == v.Name {
				row.Rings = append(row.Rings, ring.Ring)
			}
		}
		all = append(all, row)
	}
	return all
}

// history writes revisions.
func (c *command) history(all []revisionJSON) error {
	rows := [][]string{{"REVISION", "PARENT", "EROUTES", "RINGS", "PUBLISHED"}}
	for _, r := range all {
		rings := cmp.Or(strings.Join(r.Rings, ","), "-")
		if r.Error != "" {
			rows = append(rows, []string{short(r.ID), "-", "-", rings, "not valid: " + r.Error})
			continue
		}
		rows = append(rows, []string{short(r.ID), short(r.Parent), fmt.Sprint(r.Eroutes), rings, when(r.Time, r.Author)})
	}
	return writeTable(c.out, rows)
}

// writeTable writes rows in columns.
func writeTable(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = render.OneLine(row[i])
		}
		_, _ = fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

func short(id string) string { return cmp.Or(fleet.ShortID(id), "-") }

func when(t time.Time, who string) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339) + " by " + who
}

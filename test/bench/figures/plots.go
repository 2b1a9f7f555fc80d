// SPDX-License-Identifier: Apache-2.0

package figures

import (
	"fmt"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is a picture of several panels, with a fixed number per row.
type chart struct {
	file   string
	inRow  int
	panels []panel
}

// panel plots a part of a set. Returns nil if it was not measured.
type panel func(*Set) (*plot.Plot, error)

var charts = []chart{
	{"verdict.svg", 3, []panel{
		lines("hub v4, uniform", Case{Section: Verdict, Table: "hub v4", Traffic: "uniform"}),
		lines("mesh v4, uniform", Case{Section: Verdict, Table: "mesh v4", Traffic: "uniform"}),
		lines("nested v4, uniform", Case{Section: Verdict, Table: "nested v4", Traffic: "uniform"}),
		lines("hub v6, uniform", Case{Section: Verdict, Table: "hub v6", Traffic: "uniform"}),
		lines("mesh v6, uniform", Case{Section: Verdict, Table: "mesh v6", Traffic: "uniform"}),
		lines("nested v6, uniform", Case{Section: Verdict, Table: "nested v6", Traffic: "uniform"}),
	}},
	{"traffic.svg", 3, []panel{traffics("hub", 100000), traffics("mesh", 100000), traffics("nested", 100000)}},
	{"program.svg", 2, []panel{
		lines("v4, 1k hot flows", Case{Section: Program, Table: "hub v4", Traffic: "1k hot flows"}),
		lines("v4, uniform", Case{Section: Program, Table: "hub v4", Traffic: "uniform"}),
		lines("v6, 1k hot flows", Case{Section: Program, Table: "hub v6", Traffic: "1k hot flows"}),
		lines("v6, uniform", Case{Section: Program, Table: "hub v6", Traffic: "uniform"}),
	}},
	{"drop.svg", 2, []panel{
		lines("1 CPU, 1k hot flows", Case{Section: Drop, Table: "hub v4", Traffic: "1k hot flows", CPUs: 1}),
		lines("1 CPU, uniform", Case{Section: Drop, Table: "hub v4", Traffic: "uniform", CPUs: 1}),
		lines("2 CPUs, 1k hot flows", Case{Section: Drop, Table: "hub v4", Traffic: "1k hot flows", CPUs: 2}),
		lines("2 CPUs, uniform", Case{Section: Drop, Table: "hub v4", Traffic: "uniform", CPUs: 2}),
	}},
	{"forward.svg", 2, []panel{
		lines("1k hot flows", Case{Section: Forward, Table: "hub v4", Traffic: "1k hot flows"}),
		lines("uniform", Case{Section: Forward, Table: "hub v4", Traffic: "uniform"}),
	}},
	{"change.svg", 1, []panel{lines("From the start of a process to its end", Case{Section: Change})}},
	{"esp.svg", 1, []panel{lines("Encrypted and sent, in the VM", Case{Section: ESP, Table: "hub v4", Traffic: "1k hot flows"})}},
}

// Sizes of a panel.
const (
	panelWidth  = 9 * vg.Centimeter
	panelHeight = 7 * vg.Centimeter
	legendWidth = 4 * vg.Centimeter
)

// Draw draws the charts of what was measured into a directory.
func (s *Set) Draw(dir string) error {
	plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"}
	plotter.DefaultFont = plot.DefaultFont
	for _, c := range charts {
		if err := s.draw(c, filepath.Join(dir, c.file)); err != nil {
			return fmt.Errorf("draw %s: %w", c.file, err)
		}
	}
	return nil
}

func (s *Set) draw(c chart, path string) error {
	var rows [][]*plot.Plot
	for i, panel := range c.panels {
		p, err := panel(s)
		if err != nil {
			return err
		}
		if p == nil {
			return nil
		}
		if i%c.inRow == 0 {
			rows = append(rows, nil)
		}
		rows[len(rows)-1] = append(rows[len(rows)-1], p)
	}
	legend := rows[0][0].Legend // once, next to the panels
	for _, row := range rows {
		for _, p := range row {
			p.Legend = plot.NewLegend()
		}
	}
	canvas := vgsvg.New(panelWidth*vg.Length(c.inRow)+legendWidth, panelHeight*vg.Length(len(rows)))
	all := draw.New(canvas)
	pad := vg.Points(10)
	tiles := draw.Tiles{Rows: len(rows), Cols: c.inRow, PadX: pad, PadY: pad, PadTop: pad, PadBottom: pad, PadLeft: pad}
	for i, row := range plot.Align(rows, tiles, draw.Crop(all, 0, -legendWidth, 0, 0)) {
		for j, to := range row {
			rows[i][j].Draw(to)
		}
	}
	legend.Top, legend.Left, legend.Padding = true, true, vg.Points(3)
	legend.Draw(draw.Crop(all, all.Max.X-legendWidth+pad, 0, 0, -2*pad))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := canvas.WriteTo(f); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

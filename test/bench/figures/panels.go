// SPDX-License-Identifier: Apache-2.0

package figures

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// colours of subjects: the product's is the same everywhere.
var colours = map[string]color.Color{
	"verdict": ours, "eroute": ours, "batch": ours, "counted": color.RGBA{0x7f, 0xb2, 0xe6, 0xff},
	"hash": dark, "parse": dark, "bare": dark, "plain": dark, "walk": light, "driver": light,
	"lpm": color.RGBA{0xe6, 0x9f, 0, 0xff}, "tries": color.RGBA{0xcc, 0x66, 0x99, 0xff},
	"index": color.RGBA{0x2a, 0x8c, 0x4a, 0xff}, "xfrm": peer, "ip-batch": peer,
	"nft-interval": color.RGBA{0x2a, 0x8c, 0x4a, 0xff}, "nft-hash": color.RGBA{0x6f, 0xc2, 0x7f, 0xff},
	"add": color.RGBA{0x7f, 0xb2, 0xe6, 0xff}, "add-at-1": light, "clear": color.RGBA{0xe6, 0x9f, 0, 0xff},
}

var (
	ours  = color.RGBA{0, 0x5a, 0xb4, 0xff}
	peer  = color.RGBA{0xc8, 0x32, 0x28, 0xff}
	dark  = color.RGBA{0x33, 0x33, 0x33, 0xff}
	light = color.RGBA{0xaa, 0xaa, 0xaa, 0xff}
)

// spread is a line with the middle half of the rounds at each point.
type spread struct {
	plotter.XYs
	plotter.YErrors
}

// newPlot is an empty plot in small letters.
func newPlot() *plot.Plot {
	p := plot.New()
	for _, style := range []*draw.TextStyle{&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle} {
		style.Font.Size = vg.Points(9)
	}
	p.Title.TextStyle.Font.Size = vg.Points(11)
	return p
}

// lines plots every subject of a case by the number of eroutes, on logarithmic axes.
func lines(title string, c Case) panel {
	return func(s *Set) (*plot.Plot, error) {
		info := section(c.Section)
		p := newPlot()
		p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, "eroutes", info.unit
		p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
		p.X.Tick.Marker = plot.ConstantTicks{{Value: 1, Label: "1"}, {Value: 1000, Label: "1k"}, {Value: 10000, Label: "10k"}, {Value: 100000, Label: "100k"}, {Value: 1000000, Label: "1M"}}
		p.Y.Tick.Marker = plot.LogTicks{Prec: -1}
		p.Add(plotter.NewGrid())
		drawn := false
		for _, subject := range info.subjects {
			v := s.series(c, subject)
			if len(v.XYs) == 0 {
				continue
			}
			drawn = true
			line, dots, err := plotter.NewLinePoints(v)
			if err != nil {
				return nil, err
			}
			bars, err := plotter.NewYErrorBars(v)
			if err != nil {
				return nil, err
			}
			line.Color, dots.Color, bars.Color = colours[subject], colours[subject], colours[subject]
			line.Width = vg.Points(1.5)
			p.Add(line, dots, bars)
			p.Legend.Add(subject, line)
		}
		if !drawn {
			return nil, nil
		}
		// Whole decades, so that each axis has at least two numbers.
		p.Y.Min = math.Pow(10, math.Floor(math.Log10(p.Y.Min)))
		p.Y.Max = math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))
		return p, nil
	}
}

// series returns the figures of a subject in a case, by the number of eroutes.
func (s *Set) series(c Case, subject string) (v spread) {
	for _, f := range s.Figures {
		n := float64(f.Eroutes)
		f.Eroutes = 0
		if f.Case != c || f.Subject != subject {
			continue
		}
		v.XYs = append(v.XYs, plotter.XY{X: n, Y: f.Median})
		v.YErrors = append(v.YErrors, struct{ Low, High float64 }{f.Median - f.Low, f.High - f.Median})
	}
	return v
}

// traffics plots the cost of a verdict in hash lookups, for each traffic.
func traffics(table string, eroutes int) panel {
	return func(s *Set) (*plot.Plot, error) {
		p := newPlot()
		p.Title.Text, p.X.Label.Text = table+", verdict / hash", "times"
		p.X.Min = 0
		p.Y.Padding = vg.Points(10)
		var names []string
		for i, family := range []string{"v6", "v4"} {
			var values plotter.Values
			names = nil
			for _, c := range s.cases(Verdict) {
				if c.Table == table+" "+family && c.Eroutes == eroutes {
					names = append(names, c.Traffic)
					values = append(values, s.ratio(c, ratio{"verdict", "hash", ""}))
				}
			}
			if values == nil {
				return nil, nil
			}
			bars, err := plotter.NewBarChart(values, vg.Points(7))
			if err != nil {
				return nil, err
			}
			bars.Horizontal, bars.LineStyle.Width = true, 0
			bars.Color = []color.Color{color.RGBA{0x7f, 0xb2, 0xe6, 0xff}, ours}[i]
			bars.Offset = vg.Points(float64(7*i) - 3.5)
			p.Add(bars)
			p.Legend.Add(family, bars)
		}
		p.NominalY(names...)
		return p, nil
	}
}

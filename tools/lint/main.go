// SPDX-License-Identifier: Apache-2.0

// Lint runs staticcheck and a few more analyzers on packages, in one pass. A short list on purpose: each of these finds
// mistakes, none has a taste.
package main

import (
	"os"

	"codeberg.org/polyfloyd/go-errorlint/errorlint"
	"github.com/Antonboom/errname/pkg/analyzer"
	"golang.org/x/tools/go/analysis/passes/modernize"
	"honnef.co/go/tools/lintcmd"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/unused"
)

func main() {
	cmd := lintcmd.NewCommand("lint")
	cmd.AddAnalyzers(simple.Analyzers...)
	cmd.AddAnalyzers(staticcheck.Analyzers...)
	cmd.AddAnalyzers(unused.Analyzer)
	cmd.AddBareAnalyzers(analyzer.New(), errorlint.NewAnalyzer())
	cmd.AddBareAnalyzers(modernize.Suite...)
	cmd.ParseFlags(os.Args[1:])
	cmd.Run()
}

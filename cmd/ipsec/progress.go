// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"io/fs"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/ipsec-eroute/eroute/internal/screen"
)

// progressFrom is the minimum size of a file whose reading progress is shown.
const progressFrom = 4 << 20

// withProgress shows on a terminal how much of a large file has been read.
func (c *command) withProgress(f io.ReadCloser) io.ReadCloser {
	file, ok := f.(interface{ Stat() (fs.FileInfo, error) })
	if !ok || !screen.IsTerminal(c.env.stderr) {
		return f
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < progressFrom {
		return f
	}
	bar := progressbar.NewOptions64(info.Size(),
		progressbar.OptionSetWriter(c.env.stderr),
		progressbar.OptionSetDescription(c.name),
		progressbar.OptionShowBytes(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	return &progressReader{io.TeeReader(f, bar), f, bar}
}

type progressReader struct {
	io.Reader
	file io.Closer
	bar  *progressbar.ProgressBar
}

func (p *progressReader) Close() error {
	_ = p.bar.Finish()
	return p.file.Close()
}

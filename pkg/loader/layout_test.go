// SPDX-License-Identifier: Apache-2.0

package loader_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// TestOtherLayout checks that readers and writers neither use nor ignore a table of another layout, and that a
// table of this layout takes precedence over it.
func TestOtherLayout(t *testing.T) {
	enterNetns(t)
	dir := open(t, pin)
	layouts := filepath.Dir(filepath.Dir(dir.Path()))
	other := filepath.Join(layouts, "v0", filepath.Base(dir.Path()))
	if err := os.MkdirAll(filepath.Dir(other), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(other)) })
	if err := errors.Join(os.Mkdir(other, 0o700), pin(other), dir.Close()); err != nil {
		t.Fatal(err)
	}
	again := open(t, func(string) error { return errors.New("created again") })
	if err := errors.Join(again.Remove(), again.Close()); err != nil {
		t.Fatal(err)
	}

	check := func(err error) {
		t.Helper()
		layout, ok := errors.AsType[*loader.LayoutError](err)
		if !ok || layout.Layout != "v0" || !strings.HasPrefix(layout.Path, "/sys/fs/bpf/ipsec/v0/") {
			t.Errorf("error %v, want one about the table of layout v0", err)
		}
	}
	_, err := loader.OpenShared()
	check(err)
	_, err = loader.OpenExclusive(func(string) error { t.Error("made a second table"); return nil })
	check(err)

	if err := os.RemoveAll(other); err != nil {
		t.Fatal(err)
	}
	if _, err := loader.OpenShared(); !errors.Is(err, loader.ErrNoTable) {
		t.Errorf("without it: %v, want %v", err, loader.ErrNoTable)
	}
	open(t, pin)
}

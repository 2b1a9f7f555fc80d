// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"fmt"
	"path/filepath"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// MapNames are the arrays that hold one map per generation of the table.
var MapNames = [...]string{"eroute_src4", "eroute_entry4", "eroute_src6", "eroute_entry6"}

// Create puts empty tries into the slots of a generation. dir is the pin directory.
func Create(dir string, maps map[string]*ebpf.Map, generation uint32) error {
	spec, err := pinned.Specs()
	if err != nil {
		return err
	}
	return pinned.InParallel(len(MapNames), func(i int) error {
		name := MapNames[i]
		trie, err := ebpf.NewMap(spec.Maps[name].InnerMap)
		if err != nil {
			return fmt.Errorf("create trie for %s: %w", name, err)
		}
		err = pinned.PutInner(maps[name], generation, trie, filepath.Join(dir, pinned.InnerName(name, generation)))
		_ = trie.Close()
		if err != nil {
			return fmt.Errorf("install trie in %s: %w", name, err)
		}
		return nil
	})
}

// Open opens the tries of a generation. dir is the pin directory, options how they are opened.
func Open(dir *loader.Dir, maps map[string]*ebpf.Map, generation uint32, options *ebpf.LoadPinOptions) (g *Generation, err error) {
	g = &Generation{}
	for i, to := range []**ebpf.Map{&g.src4, &g.entry4, &g.src6, &g.entry6} {
		name := MapNames[i]
		if *to, err = pinned.OpenInner(dir, maps[name], name, generation, options); err != nil {
			_ = g.Close()
			return nil, fmt.Errorf("open generation %d of %s: %w", generation, name, err)
		}
	}
	return g, nil
}

// Remove removes the tries from the slots of a generation. dir is the pin directory.
func Remove(dir *loader.Dir, maps map[string]*ebpf.Map, generation uint32) error {
	return pinned.InParallel(len(MapNames), func(i int) error {
		name := MapNames[i]
		if err := pinned.DeleteInner(maps[name], generation, dir.Path(pinned.InnerName(name, generation))); err != nil {
			return fmt.Errorf("drop generation %d of %s: %w", generation, name, err)
		}
		return nil
	})
}

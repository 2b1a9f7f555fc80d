// SPDX-License-Identifier: Apache-2.0

package maps

// snapshot reads counters a block at a time and keeps them, 24 bytes an eroute: as they
// were when the first of a block was asked for.
type snapshot struct {
	set    *counterSet
	blocks map[uint32]*counterBlock
}

func newSnapshot(set *counterSet) *snapshot {
	return &snapshot{set, make(map[uint32]*counterBlock)}
}

// read returns an eroute's counters, summed over all CPUs.
func (s *snapshot) read(id uint32) (counters, error) {
	n := id / blockIDs
	block := s.blocks[n]
	if block == nil {
		sum, err := s.set.readBlock(n)
		if err != nil {
			return counters{}, err
		}
		block = &sum
		s.blocks[n] = block
	}
	return block[id%blockIDs], nil
}

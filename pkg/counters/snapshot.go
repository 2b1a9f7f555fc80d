// SPDX-License-Identifier: Apache-2.0

package counters

// Snapshot reads counters in blocks and caches them, 24 bytes for each eroute.
type Snapshot struct {
	set    *Set
	blocks map[uint32]*Block
}

// NewSnapshot returns an empty snapshot of a set.
func NewSnapshot(set *Set) *Snapshot {
	return &Snapshot{set, make(map[uint32]*Block)}
}

// Read returns the counters of an id, as they were when the first counters of its block were read.
func (s *Snapshot) Read(id uint32) (Counters, error) {
	n := id / BlockIDs
	block := s.blocks[n]
	if block == nil {
		sum, err := s.set.ReadBlock(n)
		if err != nil {
			return Counters{}, err
		}
		block = &sum
		s.blocks[n] = block
	}
	return block[id%BlockIDs], nil
}

// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// pcapSnapLength is the maximum length of a frame in a file of WritePCAP, in bytes.
const pcapSnapLength = 1 << 18

// WritePCAP writes the frames to a pcap file for tcpdump(8), replacing an existing one. All frames must have
// the same link type.
func (fs Frames) WritePCAP(path string) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write capture: %w", err)
	}
	w := bufio.NewWriter(file)
	if err := errors.Join(fs.encode(w), w.Flush(), file.Close()); err != nil {
		return fmt.Errorf("write capture %s: %w", path, err)
	}
	return nil
}

func (fs Frames) encode(w io.Writer) error {
	link := layers.LinkTypeEthernet
	if len(fs) > 0 {
		link = fs[0].Link
	}
	pcap := pcapgo.NewWriter(w)
	if err := pcap.WriteFileHeader(pcapSnapLength, link); err != nil {
		return err
	}
	for _, f := range fs {
		info := gopacket.CaptureInfo{Timestamp: f.Time, CaptureLength: len(f.Data), Length: len(f.Data)}
		if err := pcap.WritePacket(info, f.Data); err != nil {
			return err
		}
	}
	return nil
}

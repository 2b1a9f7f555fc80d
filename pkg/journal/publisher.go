// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"iter"
	"os"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/loader"
)

// Publisher publishes the events of a network namespace. Not for concurrent use.
type Publisher struct {
	cookie uint64
	journal
	opened time.Time // when it last tried to open the journal
}

// NewPublisher returns a publisher for the network namespace of the calling thread.
func NewPublisher() (*Publisher, error) {
	cookie, err := loader.NetnsCookie()
	return &Publisher{cookie: cookie}, err
}

// Publish writes events, if there are readers. It does not wait for them.
func (p *Publisher) Publish(events ...Event) error {
	if p.shared != nil {
		if read, err := p.hasReaders(); err != nil || read {
			p.putAll(events)
			return err
		}
	}
	if time.Since(p.opened) < time.Second {
		return nil
	}
	// The first reader creates the journal, and a new table has a new one.
	p.opened = time.Now()
	if err := p.Close(); err != nil {
		return err
	}
	dir, err := loader.TablePath(p.cookie)
	if err != nil {
		return err
	}
	switch p.journal, _, err = load(dir); {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	}
	read, err := p.hasReaders()
	if read {
		p.putAll(events)
	}
	return err
}

func (p *Publisher) putAll(events []Event) {
	for i := range events {
		p.put(&events[i])
	}
}

// Close closes the journal.
func (p *Publisher) Close() error {
	if p.shared == nil {
		return nil
	}
	err := p.shared.Close()
	p.shared = nil
	return err
}

// PublishTo writes events of this moment to the journal of the table with a pin directory, if there are readers.
func PublishTo(dir string, events iter.Seq[Event]) (err error) {
	j, _, err := load(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.shared.Close()) }()
	if read, err := j.hasReaders(); err != nil || !read {
		return err
	}
	now := time.Now()
	for e := range events {
		e.Time = now
		j.put(&e)
	}
	return nil
}

package main

import (
	"math"
	"net"
	"sync"
	"time"
)

// What leaves a connection. Whoever finds nobody writing writes; what others say meanwhile goes out behind that, in one
// piece. So an idle connection has no goroutine and no buffer for it.
type outbox struct {
	conn  *net.TCPConn
	limit int // bytes queued before ticks are conflated

	mu      sync.Mutex
	pending []byte
	latest  map[string][]byte // the last tick of each symbol, when pending is full
	writing bool
	since   time.Time // when the write under way began
	closing bool
	failed  bool
	free    *sync.Cond // made by the first who has to wait
}

// Queues p, unless nobody will ever get it. Reports whether the caller has to drain: nobody else does.
func (o *outbox) queue(p []byte) bool {
	if o.failed {
		return false
	}
	o.pending = append(o.pending, p...)
	if o.writing {
		return false
	}
	o.writing = true
	return true
}

// Says something, and waits while too much is queued: who asks and does not read the answers stops itself.
func (o *outbox) write(p []byte) {
	o.mu.Lock()
	for o.writing && len(o.pending) >= o.limit {
		o.wait()
	}
	if o.writing {
		o.queue(p)
		o.mu.Unlock()
		return
	}
	o.writing = true
	o.since = time.Now()
	o.mu.Unlock()
	o.drain(p)
}

// Never waits. Reports false when the tick took the place of another, or of none that will ever be sent.
func (o *outbox) tick(symbol string, line []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.pending) >= o.limit {
		if o.latest == nil {
			o.latest = map[string][]byte{}
		}
		_, replaced := o.latest[symbol]
		o.latest[symbol] = line
		return !replaced
	}
	if o.queue(line) {
		o.since = time.Now()
		go o.drain(nil)
	}
	return true
}

// Writes first, then what is queued, until nothing is.
func (o *outbox) drain(first []byte) {
	for {
		var failed error
		if len(first) > 0 {
			_, failed = o.conn.Write(first)
		}
		o.mu.Lock()
		if failed != nil {
			// The reading goroutine is told by its own read. Nothing is queued for it any more: it stays "writing".
			o.pending, o.latest = nil, nil
			o.since = time.Time{}
			o.limit = math.MaxInt
			o.failed = true
			o.wake()
			o.mu.Unlock()
			o.conn.Close()
			return
		}
		first = o.next()
		if first == nil {
			o.writing = false
			o.wake()
			closing := o.closing
			o.mu.Unlock()
			if closing {
				o.conn.CloseWrite()
			}
			return
		}
		o.since = time.Now()
		o.wake()
		o.mu.Unlock()
	}
}

// Takes all that is queued, conflated ticks last; nil: nothing.
func (o *outbox) next() []byte {
	p := o.pending
	o.pending = nil
	for _, line := range o.latest {
		p = append(p, line...)
	}
	o.latest = nil
	if len(p) == 0 {
		return nil
	}
	return p
}

// Until something has been written.
func (o *outbox) wait() {
	if o.free == nil {
		o.free = sync.NewCond(&o.mu)
	}
	o.free.Wait()
}

func (o *outbox) wake() {
	if o.free != nil {
		o.free.Broadcast()
	}
}

func (o *outbox) stuckSince(limit time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writing && !o.since.IsZero() && o.since.Before(limit)
}

func (o *outbox) closeWhenDrained() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closing = true
	if !o.writing {
		o.conn.CloseWrite()
	}
}

// Waits until all that was said has been written, or cannot be.
func (o *outbox) drained() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.writing && !o.failed {
		o.wait()
	}
}

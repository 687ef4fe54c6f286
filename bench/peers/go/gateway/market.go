package main

import (
	"strconv"
	"sync"
	"time"
)

// A symbol that somebody is subscribed to.
type topic struct {
	symbol      string
	subscribers map[*session]struct{}
}

// Who wants to know about which symbol. One lock: everybody sees the ticks in one order.
type market struct {
	gateway *gateway
	mu      sync.Mutex
	topics  map[string]*topic
}

// Reports whether there was room for the symbol.
func (m *market) subscribe(symbol string, s *session) (*topic, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[symbol]
	if t == nil {
		if len(m.topics) >= m.gateway.options.maxSymbols {
			return nil, false
		}
		t = &topic{symbol, map[*session]struct{}{}}
		m.topics[symbol] = t
	}
	t.subscribers[s] = struct{}{}
	m.gateway.counters.subscriptions.Add(1)
	return t, true
}

func (m *market) unsubscribe(t *topic, s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(t.subscribers, s)
	if len(t.subscribers) == 0 {
		delete(m.topics, t.symbol)
	}
	m.gateway.counters.subscriptions.Add(-1)
}

func (m *market) symbols() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.topics)
}

// Queues a tick for each subscriber; nobody's slowness holds it up.
func (m *market) publish(symbol, price []byte) {
	m.gateway.counters.ticksIn.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[string(symbol)]
	if t == nil {
		return
	}
	line := make([]byte, 0, 64)
	line = append(line, "TICK "...)
	line = append(line, symbol...)
	line = append(line, ' ')
	line = append(line, price...)
	line = append(line, ' ')
	line = strconv.AppendInt(line, time.Now().UnixMilli(), 10)
	line = append(line, '\n')
	var out, conflated int64
	for s := range t.subscribers {
		if s.out.tick(t.symbol, line) {
			out++
		} else {
			conflated++
		}
	}
	m.gateway.counters.ticksOut.Add(out)
	m.gateway.counters.conflated.Add(conflated)
}

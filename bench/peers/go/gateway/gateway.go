package main

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

type counters struct {
	accepted, refused, lines, orders, rejects, ticksIn, ticksOut, conflated atomic.Int64
	droppedSlow, droppedIdle, droppedErrors, resets, subscriptions          atomic.Int64
}

type gateway struct {
	options  options
	counters counters
	market   market
	sequence atomic.Int64

	mu         sync.Mutex // guards what follows
	sessions   map[*session]struct{}
	perAddress map[netip.Addr]int
	ended      sync.WaitGroup
}

func newGateway(o options) *gateway {
	g := &gateway{options: o, sessions: map[*session]struct{}{}, perAddress: map[netip.Addr]int{}}
	g.market.topics = map[string]*topic{}
	g.market.gateway = g
	go g.dropSlow()
	return g
}

func addressOf(conn *net.TCPConn) netip.Addr {
	return conn.RemoteAddr().(*net.TCPAddr).AddrPort().Addr()
}

func (g *gateway) accept(conn *net.TCPConn) {
	address := addressOf(conn)
	g.mu.Lock()
	if len(g.sessions) >= g.options.maxConnections || g.perAddress[address] >= g.options.maxPerAddress {
		g.mu.Unlock()
		g.counters.refused.Add(1)
		conn.SetWriteDeadline(time.Now().Add(time.Second))
		conn.Write([]byte("ERR too many connections\n"))
		conn.Close()
		return
	}
	s := newSession(g, conn)
	g.sessions[s] = struct{}{}
	g.perAddress[address]++
	g.ended.Add(1)
	g.mu.Unlock()
	g.counters.accepted.Add(1)
	conn.SetWriteBuffer(g.options.sendBuffer)
	go s.run(address)
}

func (g *gateway) remove(s *session, address netip.Addr) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s)
	if g.perAddress[address]--; g.perAddress[address] == 0 {
		delete(g.perAddress, address)
	}
	g.ended.Done()
}

func (g *gateway) snapshot() []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]*session, 0, len(g.sessions))
	for s := range g.sessions {
		all = append(all, s)
	}
	return all
}

// Closes connections that do not take what is written to them. A deadline for each write would cost each write.
func (g *gateway) dropSlow() {
	for range time.Tick(g.options.writeTimeout / 5) {
		limit := time.Now().Add(-g.options.writeTimeout)
		for _, s := range g.snapshot() {
			if s.out.stuckSince(limit) {
				g.counters.droppedSlow.Add(1)
				s.conn.Close()
			}
		}
	}
}

// Everybody gets what is queued, within the drain timeout.
func (g *gateway) shutDown() {
	for _, s := range g.snapshot() {
		s.out.write([]byte("ERR shutting down\n"))
		s.out.closeWhenDrained()
	}
	done := make(chan struct{})
	go func() {
		g.ended.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(g.options.drainTimeout):
	}
}

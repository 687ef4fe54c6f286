package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"
)

const (
	longestLine = 4096
	mostReplies = 16 * 1024
)

// One client: a goroutine that reads lines and answers them.
type session struct {
	gateway *gateway
	conn    *net.TCPConn
	out     outbox
	topics  []*topic
	errors  int
}

var errEnd = errors.New("the gateway ends the session")

func newSession(g *gateway, conn *net.TCPConn) *session {
	return &session{gateway: g, conn: conn, out: outbox{conn: conn, limit: g.options.queueLimit}}
}

func (s *session) run(address netip.Addr) {
	err := s.serve()
	c := &s.gateway.counters
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		c.droppedIdle.Add(1)
		s.out.write([]byte("ERR timeout\n"))
	case errors.Is(err, errEnd):
		c.droppedErrors.Add(1)
	case err != nil && !errors.Is(err, net.ErrClosed):
		c.resets.Add(1)
	}
	for _, t := range s.topics {
		s.gateway.market.unsubscribe(t, s)
	}
	s.out.closeWhenDrained()
	s.out.drained()
	if errors.Is(err, errEnd) {
		s.linger()
	}
	s.conn.Close()
	s.gateway.remove(s, address)
}

// A close with unread bytes would reset the connection, and the last reply with it.
func (s *session) linger() {
	s.conn.SetReadDeadline(time.Now().Add(time.Second))
	io.Copy(io.Discard, io.LimitReader(s.conn, 1<<20))
}

// Answers line after line. Replies leave together when no whole line is left.
func (s *session) serve() error {
	reader := bufio.NewReaderSize(s.conn, longestLine+2)
	var replies []byte
	s.conn.SetReadDeadline(time.Now().Add(s.gateway.options.firstLineTimeout))
	for {
		line, err := reader.ReadSlice('\n')
		if err == nil {
			line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
		}
		if errors.Is(err, bufio.ErrBufferFull) || len(line) > longestLine {
			s.out.write(append(replies, "ERR line too long\n"...))
			return errEnd
		}
		if err != nil {
			s.say(replies)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		s.gateway.counters.lines.Add(1)
		if replies, err = s.answer(line, replies); err != nil {
			s.say(replies)
			return err
		}
		if len(replies) < mostReplies && moreLines(reader) {
			continue
		}
		s.say(replies)
		// An idle connection keeps no room for replies.
		replies = nil
		s.conn.SetReadDeadline(time.Now().Add(s.gateway.options.idleTimeout))
	}
}

func moreLines(reader *bufio.Reader) bool {
	if reader.Buffered() == 0 {
		return false
	}
	rest, err := reader.Peek(reader.Buffered())
	return err == nil && bytes.IndexByte(rest, '\n') >= 0
}

func (s *session) say(replies []byte) {
	if len(replies) > 0 {
		s.out.write(replies)
	}
}

// Appends the reply to replies.
func (s *session) answer(line, replies []byte) ([]byte, error) {
	r := parseLine(line)
	c := &s.gateway.counters
	switch r.kind {
	case order:
		c.orders.Add(1)
		replies = append(replies, "ACK "...)
		replies = append(replies, r.id...)
		replies = append(replies, ' ')
		replies = strconv.AppendInt(replies, s.gateway.sequence.Add(1), 10)
	case reject:
		c.rejects.Add(1)
		replies = append(replies, "REJ "...)
		replies = append(replies, r.id...)
		replies = append(replies, ' ')
		replies = append(replies, r.reason...)
	case feed:
		// Replies in the order of their lines, also beside a tick that this very line causes.
		s.say(replies)
		s.gateway.market.publish(r.symbols[0], r.price)
		return nil, nil
	case subscribe:
		replies = append(replies, s.subscribe(r.symbols)...)
	case unsubscribe:
		replies = append(replies, s.unsubscribe(r.symbols)...)
	case ping:
		replies = append(replies, "PONG"...)
	case stats:
		replies = append(replies, s.stats()...)
	case malformed:
		s.errors++
		replies = append(replies, "ERR "...)
		replies = append(replies, r.reason...)
		if s.errors >= s.gateway.options.maxErrors {
			return append(replies, "\nERR too many errors\n"...), errEnd
		}
	}
	return append(replies, '\n'), nil
}

func (s *session) find(symbol string) int {
	for i, t := range s.topics {
		if t.symbol == symbol {
			return i
		}
	}
	return -1
}

func (s *session) subscribe(symbols [][]byte) string {
	for _, symbol := range symbols {
		if s.find(string(symbol)) >= 0 {
			continue
		}
		if len(s.topics) >= s.gateway.options.maxSubscriptions {
			return "ERR too many subscriptions"
		}
		t, ok := s.gateway.market.subscribe(string(symbol), s)
		if !ok {
			return "ERR too many symbols"
		}
		s.topics = append(s.topics, t)
	}
	return fmt.Sprintf("OK SUB %d", len(s.topics))
}

func (s *session) unsubscribe(symbols [][]byte) string {
	for _, symbol := range symbols {
		if i := s.find(string(symbol)); i >= 0 {
			s.gateway.market.unsubscribe(s.topics[i], s)
			s.topics = append(s.topics[:i], s.topics[i+1:]...)
		}
	}
	return fmt.Sprintf("OK UNSUB %d", len(s.topics))
}

func (s *session) stats() string {
	c := &s.gateway.counters
	s.gateway.mu.Lock()
	connections := len(s.gateway.sessions)
	s.gateway.mu.Unlock()
	return fmt.Sprintf("STATS connections=%d accepted=%d refused=%d lines=%d orders=%d rejects=%d ticksIn=%d ticksOut=%d "+
		"conflated=%d droppedSlow=%d droppedIdle=%d droppedErrors=%d resets=%d symbols=%d subscriptions=%d notJournaled=0",
		connections, c.accepted.Load(), c.refused.Load(), c.lines.Load(), c.orders.Load(), c.rejects.Load(),
		c.ticksIn.Load(), c.ticksOut.Load(), c.conflated.Load(), c.droppedSlow.Load(), c.droppedIdle.Load(),
		c.droppedErrors.Load(), c.resets.Load(), s.gateway.market.symbols(), c.subscriptions.Load())
}

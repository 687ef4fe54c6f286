// gnet: callbacks on one event loop.
package main

import (
	"bytes"
	"log"
	"net"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
	"gopark/bench/peers/internal/peer"
)

type server struct {
	gnet.BuiltinEventEngine
	arguments peer.Arguments
	port      int
}

func (s *server) OnBoot(gnet.Engine) gnet.Action {
	peer.Announce(s.port)
	return gnet.None
}

func (s *server) OnOpen(gnet.Conn) ([]byte, gnet.Action) {
	peer.Open.Add(1)
	return nil, gnet.None
}

func (s *server) OnClose(gnet.Conn, error) gnet.Action {
	peer.Open.Add(-1)
	return gnet.None
}

func (s *server) OnTraffic(conn gnet.Conn) gnet.Action {
	var err error
	switch s.arguments.Mode {
	case "echo":
		err = echo(conn)
	case "per-message":
		err = echoEach(conn, s.arguments.Size)
	case "lines":
		err = echoLines(conn)
	}
	if err != nil {
		return gnet.Close
	}
	return gnet.None
}

func echo(conn gnet.Conn) error {
	received, err := conn.Next(-1)
	if err != nil {
		return err
	}
	_, err = conn.Write(received)
	return err
}

func echoEach(conn gnet.Conn, size int) error {
	for conn.InboundBuffered() >= size {
		message, err := conn.Next(size)
		if err != nil {
			return err
		}
		if _, err := conn.Write(message); err != nil {
			return err
		}
	}
	return nil
}

// Looks at line after line, and answers all whole ones with one write.
func echoLines(conn gnet.Conn) error {
	received, err := conn.Peek(-1)
	if err != nil {
		return err
	}
	whole := 0
	for {
		end := bytes.IndexByte(received[whole:], '\n')
		if end < 0 {
			break
		}
		whole += end + 1
	}
	if whole == 0 {
		return nil
	}
	if _, err := conn.Write(received[:whole]); err != nil {
		return err
	}
	_, err = conn.Discard(whole)
	return err
}

// gnet does not say which port it was given.
func freePort() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func main() {
	arguments := peer.Parse("echo", "per-message", "lines")
	port := freePort()
	address := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String()
	log.Fatal(gnet.Run(
		&server{arguments: arguments, port: port},
		"tcp://"+address,
		gnet.WithMulticore(false),
		gnet.WithTCPNoDelay(gnet.TCPNoDelay),
		gnet.WithReadBufferCap(max(64*1024, arguments.Buffer)),
		gnet.WithLogLevel(logging.FatalLevel),
	))
}

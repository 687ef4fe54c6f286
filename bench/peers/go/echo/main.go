// Go's own net package: a goroutine per connection.
package main

import (
	"bufio"
	"log"
	"net"

	"gopark/bench/peers/internal/peer"
)

func echo(conn net.Conn, p []byte) {
	for {
		n, err := conn.Read(p)
		if err != nil {
			return
		}
		if _, err := conn.Write(p[:n]); err != nil {
			return
		}
	}
}

func echoEach(conn net.Conn, p []byte, size int) {
	have := 0
	for {
		n, err := conn.Read(p[have:])
		if err != nil {
			return
		}
		have += n
		at := 0
		for ; have-at >= size; at += size {
			if _, err := conn.Write(p[at : at+size]); err != nil {
				return
			}
		}
		have = copy(p, p[at:have])
	}
}

// The answers to all lines that are at hand leave together.
func echoLines(conn net.Conn, buffer int) {
	reader, writer := bufio.NewReaderSize(conn, buffer), bufio.NewWriterSize(conn, buffer)
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return
		}
		if _, err := writer.Write(line); err != nil {
			return
		}
		if reader.Buffered() > 0 {
			continue
		}
		if err := writer.Flush(); err != nil {
			return
		}
	}
}

func serve(conn net.Conn, arguments peer.Arguments) {
	peer.Open.Add(1)
	defer peer.Open.Add(-1)
	defer conn.Close()
	switch arguments.Mode {
	case "echo":
		echo(conn, make([]byte, arguments.Buffer))
	case "per-message":
		echoEach(conn, make([]byte, arguments.Buffer), arguments.Size)
	case "lines":
		echoLines(conn, arguments.Buffer)
	}
}

func main() {
	arguments := peer.Parse("echo", "per-message", "lines")
	// TCP_NODELAY is Go's default.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	peer.Announce(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn, arguments)
	}
}

// CloudWeGo Netpoll: callbacks, linked buffers, one poller.
package main

import (
	"context"
	"io"
	"log"
	"net"

	"github.com/cloudwego/netpoll"
	"gopark/bench/peers/internal/peer"
)

// Small answers are copied into the writer, large ones sent from where they were received: valid until Release.
func echo(_ context.Context, conn netpoll.Connection) error {
	reader, writer := conn.Reader(), conn.Writer()
	bytes, err := reader.Next(reader.Len())
	if err != nil {
		return err
	}
	if _, err := writer.WriteBinary(bytes); err != nil {
		return err
	}
	if err := writer.Flush(); err != nil {
		return err
	}
	return reader.Release()
}

func echoEach(conn netpoll.Connection, size int) error {
	reader, writer := conn.Reader(), conn.Writer()
	for reader.Len() >= size {
		message, err := reader.Next(size)
		if err != nil {
			return err
		}
		if _, err := writer.WriteBinary(message); err != nil {
			return err
		}
		if err := writer.Flush(); err != nil {
			return err
		}
	}
	return reader.Release()
}

// Until waits for the rest of a line that has only begun.
func echoLines(_ context.Context, conn netpoll.Connection) error {
	reader, writer := conn.Reader(), conn.Writer()
	for reader.Len() > 0 {
		line, err := reader.Until('\n')
		if err != nil {
			return err
		}
		if _, err := writer.WriteBinary(line); err != nil {
			return err
		}
	}
	if err := writer.Flush(); err != nil {
		return err
	}
	return reader.Release()
}

func handler(arguments peer.Arguments) netpoll.OnRequest {
	switch arguments.Mode {
	case "lines":
		return echoLines
	case "per-message":
		return func(_ context.Context, conn netpoll.Connection) error { return echoEach(conn, arguments.Size) }
	default:
		return echo
	}
}

func main() {
	arguments := peer.Parse("echo", "per-message", "lines")
	// The load resets its connections, and each reset would be a line.
	netpoll.SetLoggerOutput(io.Discard)
	if err := netpoll.Configure(netpoll.Config{PollerNum: 1}); err != nil {
		log.Fatal(err)
	}
	listener, err := netpoll.CreateListener("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	loop, err := netpoll.NewEventLoop(
		handler(arguments),
		netpoll.WithOnConnect(func(ctx context.Context, _ netpoll.Connection) context.Context {
			peer.Open.Add(1)
			return ctx
		}),
		netpoll.WithOnDisconnect(func(context.Context, netpoll.Connection) { peer.Open.Add(-1) }),
	)
	if err != nil {
		log.Fatal(err)
	}
	peer.Announce(listener.Addr().(*net.TCPAddr).Port)
	log.Fatal(loop.Serve(listener))
}

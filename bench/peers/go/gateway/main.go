// The gateway of docs/gateway.md in Go: the same protocol, the same ticks, the same limits; no journal. A goroutine for
// each connection reads and answers; who writes is whoever has something to say while nobody else writes.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	listen                                   string
	maxConnections, maxPerAddress            int
	firstLineTimeout, idleTimeout            time.Duration
	writeTimeout, drainTimeout               time.Duration
	sendBuffer, queueLimit, maxSubscriptions int
	maxSymbols, maxErrors                    int
}

func parse() options {
	var o options
	milliseconds := func(name string, value int) *int { return flag.Int(name, value, "milliseconds") }
	flag.StringVar(&o.listen, "listen", "127.0.0.1:9000", "host:port")
	flag.IntVar(&o.maxConnections, "max-connections", 10000, "in all")
	flag.IntVar(&o.maxPerAddress, "max-per-address", 1000, "from one address")
	firstLine, idle := milliseconds("first-line-timeout", 10000), milliseconds("idle-timeout", 120000)
	write, drain := milliseconds("write-timeout", 5000), milliseconds("drain-timeout", 5000)
	flag.IntVar(&o.sendBuffer, "send-buffer", 65536, "bytes asked of the kernel for each connection")
	flag.IntVar(&o.queueLimit, "queue-limit", 64*1024, "bytes queued for a slow consumer before ticks are conflated")
	flag.IntVar(&o.maxSubscriptions, "max-subscriptions", 64, "of one connection")
	flag.IntVar(&o.maxSymbols, "max-symbols", 10000, "with subscribers")
	flag.IntVar(&o.maxErrors, "max-errors", 16, "replies to malformed lines before a connection is closed")
	flag.Parse()
	of := func(ms *int) time.Duration { return time.Duration(*ms) * time.Millisecond }
	o.firstLineTimeout, o.idleTimeout = of(firstLine), of(idle)
	o.writeTimeout, o.drainTimeout = of(write), of(drain)
	return o
}

func main() {
	o := parse()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	g := newGateway(o)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		listener.Close()
	}()
	for {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			break
		}
		if err != nil {
			log.Fatal(err)
		}
		g.accept(conn.(*net.TCPConn))
	}
	g.shutDown()
}

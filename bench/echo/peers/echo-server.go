// Go's own net package: a goroutine per connection.
//
//	echo-server echo SIZE BUFFER         one Write for what one Read brought
//	echo-server per-message SIZE BUFFER  one Write for each SIZE bytes of it
//
// It prints its port. Connections have TCP_NODELAY set, Go's default.
package main

import (
	"fmt"
	"log"
	"net"
	"os"
	"runtime"
	"strconv"
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

func number(argument string) int {
	n, err := strconv.Atoi(argument)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

func main() {
	if len(os.Args) != 4 {
		log.Fatal("usage: echo-server echo|per-message SIZE BUFFER")
	}
	perMessage, size, buffer := os.Args[1] == "per-message", number(os.Args[2]), number(os.Args[3])
	// One core, as the others have.
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			defer conn.Close()
			p := make([]byte, buffer)
			if perMessage {
				echoEach(conn, p, size)
			} else {
				echo(conn, p)
			}
		}()
	}
}

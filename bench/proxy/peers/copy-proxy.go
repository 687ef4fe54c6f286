// The proxy that Go's standard library makes easy: io.Copy both ways, half close passed on.
//
//	copy-proxy UPSTREAM
//
// It prints its port.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"os"
)

func pass(to, from *net.TCPConn, done chan<- struct{}) {
	io.Copy(to, from)
	to.CloseWrite()
	done <- struct{}{}
}

func serve(client *net.TCPConn, address string) {
	defer client.Close()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer conn.Close()
	upstream := conn.(*net.TCPConn)
	done := make(chan struct{}, 2)
	go pass(upstream, client, done)
	go pass(client, upstream, done)
	<-done
	<-done
}

func main() {
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
		go serve(conn.(*net.TCPConn), os.Args[1])
	}
}

// Package peer holds what the echo servers have in common: their arguments, and reports about themselves.
//
//	SERVER echo SIZE BUFFER         one answer for what one read brought
//	SERVER per-message SIZE BUFFER  one write for each SIZE bytes of it
//	SERVER lines SIZE BUFFER        each line back; what is at hand is answered together
//
// A server prints its port. Then a line on its standard input makes it settle its heap and report.
package peer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync/atomic"
)

// Arguments of the command line. Sizes are bytes.
type Arguments struct {
	Mode         string
	Size, Buffer int
}

// Open counts connections.
var Open atomic.Int64

// Parse reads the command line. The process gets one P unless GOMAXPROCS says otherwise: one core, as the others have.
func Parse(modes ...string) Arguments {
	if len(os.Args) != 4 {
		log.Fatalf("usage: %s MODE SIZE BUFFER; modes: %v", os.Args[0], modes)
	}
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
	for _, mode := range modes {
		if mode == os.Args[1] {
			return Arguments{mode, number(os.Args[2]), number(os.Args[3])}
		}
	}
	log.Fatalf("no mode %q: there are %v", os.Args[1], modes)
	panic("unreachable")
}

func number(argument string) int {
	n, err := strconv.Atoi(argument)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

// Announce prints the port, and from then on answers lines on standard input with reports. It ends the process when
// that input ends.
func Announce(port int) {
	fmt.Println(port)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			report()
		}
		os.Exit(0)
	}()
}

func report() {
	debug.FreeOSMemory()
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	text, err := json.Marshal(map[string]uint64{
		"connections": uint64(Open.Load()),
		"heap":        memory.HeapInuse + memory.StackInuse,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
}

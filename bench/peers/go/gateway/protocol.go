package main

import "bytes"

type kind int

const (
	malformed kind = iota
	order
	reject
	feed
	subscribe
	unsubscribe
	ping
	stats
)

// One line of a client, understood. Its slices point into the line.
type request struct {
	kind    kind
	id      []byte
	reason  string
	symbols [][]byte
	price   []byte
}

func refuse(reason string) request { return request{kind: malformed, reason: reason} }

// Understands one line, without its end.
func parseLine(line []byte) request {
	word, rest, more := bytes.Cut(line, []byte{' '})
	switch string(word) {
	case "ORD":
		return parseOrder(rest)
	case "FEED":
		return parseFeed(rest)
	case "SUB":
		return parseSymbols(subscribe, "expected SUB SYM[,SYM...]", rest, more)
	case "UNSUB":
		return parseSymbols(unsubscribe, "expected UNSUB SYM[,SYM...]", rest, more)
	case "PING":
		if more {
			return refuse("PING takes no argument")
		}
		return request{kind: ping}
	case "STATS":
		if more {
			return refuse("STATS takes no argument")
		}
		return request{kind: stats}
	}
	if len(line) == 0 {
		return refuse("empty line")
	}
	return refuse("unknown command")
}

// Splits at single spaces into exactly len(words) words.
func split(text []byte, words [][]byte) bool {
	for i := range words {
		word, rest, more := bytes.Cut(text, []byte{' '})
		words[i] = word
		text = rest
		if more != (i < len(words)-1) {
			return false
		}
	}
	return true
}

func parseOrder(text []byte) request {
	var words [5][]byte
	if !split(text, words[:]) {
		return refuse("expected ORD <id> <BUY|SELL> <SYM> <qty> <price>")
	}
	id, side := words[0], string(words[1])
	switch {
	case !isID(id):
		return refuse("bad order id")
	case side != "BUY" && side != "SELL":
		return request{kind: reject, id: id, reason: "bad side"}
	case !isSymbol(words[2]):
		return request{kind: reject, id: id, reason: "bad symbol"}
	case !isAmount(words[3]):
		return request{kind: reject, id: id, reason: "bad quantity"}
	case !isAmount(words[4]):
		return request{kind: reject, id: id, reason: "bad price"}
	}
	return request{kind: order, id: id}
}

func parseFeed(text []byte) request {
	var words [2][]byte
	switch {
	case !split(text, words[:]):
		return refuse("expected FEED <SYM> <price>")
	case !isSymbol(words[0]):
		return refuse("bad symbol")
	case !isAmount(words[1]):
		return refuse("bad price")
	}
	return request{kind: feed, symbols: words[:1], price: words[1]}
}

func parseSymbols(kind kind, usage string, text []byte, given bool) request {
	if !given || bytes.IndexByte(text, ' ') >= 0 {
		return refuse(usage)
	}
	symbols := bytes.Split(text, []byte{','})
	for _, symbol := range symbols {
		if !isSymbol(symbol) {
			return refuse("bad symbol")
		}
	}
	return request{kind: kind, symbols: symbols}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func isSymbol(word []byte) bool {
	if len(word) < 1 || len(word) > 16 {
		return false
	}
	for _, c := range word {
		if !isUpper(c) && !isDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func isID(word []byte) bool {
	if len(word) < 1 || len(word) > 32 {
		return false
	}
	for _, c := range word {
		if !isUpper(c) && !isLower(c) && !isDigit(c) && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Digits with at most one point among them: 1 to 12 before it, 1 to 8 after it, not all zero.
func isAmount(word []byte) bool {
	whole, part, point := bytes.Cut(word, []byte{'.'})
	if len(whole) < 1 || len(whole) > 12 || point && (len(part) < 1 || len(part) > 8) {
		return false
	}
	zero := true
	for _, digits := range [2][]byte{whole, part} {
		for _, c := range digits {
			if !isDigit(c) {
				return false
			}
			zero = zero && c == '0'
		}
	}
	return !zero
}

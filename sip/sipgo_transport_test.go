package sip

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// These tests are the evidence of docs/decisions/0001: they measure what the library's own
// transport does where our sockets do something else. One that begins to fail says that the
// library has changed and the decision may be looked at again.

// libraryTransport serves a UDP socket by the library's TransportLayer.
func libraryTransport(t *testing.T, on func(sipmsg.Message)) (*sipmsg.TransportLayer, net.Addr) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	layer := sipmsg.NewTransportLayer(net.DefaultResolver, sipmsg.NewParser(), nil, sipmsg.WithTransportLayerLogger(quiet))
	layer.OnMessage(on)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = layer.ServeUDP(conn) // ends with the socket
	}()
	t.Cleanup(func() {
		_ = layer.Close()
		_ = conn.Close()
		<-done
	})
	return layer, conn.LocalAddr()
}

const libraryOptions = "OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"

func TestLibraryLeavesUnreadableInputUnanswered(t *testing.T) {
	got := make(chan sipmsg.Message, 10)
	_, addr := libraryTransport(t, func(m sipmsg.Message) { got <- m })
	c, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, text := range []string{strings.Replace(libraryOptions, "CSeq: 1", "CSeq: x", 1), libraryOptions} {
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	<-got // the second is here: the first has been dealt with
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, err := c.Read(make([]byte, 100)); err == nil {
		t.Errorf("the library answered with %d bytes now", n)
	}
	if len(got) != 0 {
		t.Error("the library hands over what it cannot read now")
	}
}

func TestLibraryDoesNotTellTheSocketOfAMessage(t *testing.T) {
	got := make(chan sipmsg.Message, 1)
	_, addr := libraryTransport(t, func(m sipmsg.Message) { got <- m })
	c, err := net.Dial("udp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, libraryOptions); err != nil {
		t.Fatal(err)
	}
	m := (<-got).(*sipmsg.Request)
	if m.Source() != c.LocalAddr().String() {
		t.Errorf("source %q", m.Source())
	}
	if strings.Contains(fmt.Sprint(m.Laddr, m.Destination()), addr.String()) {
		t.Error("the library tells the local socket now")
	}
}

func TestLibraryKeepsEverySource(t *testing.T) {
	const sources = 200
	got := make(chan sipmsg.Message, sources)
	layer, addr := libraryTransport(t, func(m sipmsg.Message) { got <- m })
	before := layer.Pool("udp").Size()
	for range sources {
		c, err := net.Dial("udp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, libraryOptions); err != nil {
			t.Fatal(err)
		}
		<-got
	}
	grown := layer.Pool("udp").Size() - before
	t.Logf("%d sources that sent one message each: the table grew by %d and has no limit", sources, grown)
	if grown < sources/2 {
		t.Errorf("the table grew by %d only", grown)
	}
}

// planted makes this test binary run the library with a panic in its reader.
const planted = "HOTLINE_TEST_PLANTED_PANIC"

func TestLibraryDiesOfAPanicInItsReader(t *testing.T) {
	if os.Getenv(planted) != "" {
		_, addr := libraryTransport(t, func(sipmsg.Message) { panic("planted") })
		c, err := net.Dial("udp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, libraryOptions); err != nil {
			t.Fatal(err)
		}
		time.Sleep(patience) // the process dies under it
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestLibraryDiesOfAPanicInItsReader$")
	cmd.Env = append(os.Environ(), planted+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: planted") {
		t.Errorf("the process lived on: %v\n%s", err, out)
	}
}

// parts are what this package takes of the library: messages, their parts and the parser. Nothing
// that opens a socket is among them, and so neither is its WebSocket listener.
var parts = map[string]bool{
	"ParseUri": true, "Uri": true, "NewParser": true, "Parser": true, "WithHeadersParsers": true, "DefaultHeadersParser": true, "HeaderParser": true,
	"Request": true, "Response": true, "NewResponseFromRequest": true, "NewHeader": true, "Header": true, "HeaderToLower": true,
	"RequestMethod": true, "ViaHeader": true, "HeaderParams": true, "NewParams": true, "Message": true,
}

func TestNothingOfTheLibraryOpensASocket(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if path := strings.Trim(i.Path.Value, "\""); strings.HasPrefix(path, "github.com/emiago/sipgo") && path != "github.com/emiago/sipgo/sip" {
				t.Errorf("%s imports %s", name, path)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "sipmsg" {
					if seen++; !parts[sel.Sel.Name] {
						t.Errorf("%s uses sipmsg.%s", name, sel.Sel.Name)
					}
				}
			}
			return true
		})
	}
	if seen == 0 {
		t.Error("nothing of the library was found: is it imported under another name?")
	}
}

package malformed

import (
	"fmt"
	"strings"
)

// An anomaly is one way to break an element: what it makes of the good value. lines, where it is
// set, breaks the whole line that the element stands in instead.
type anomaly struct {
	name  string
	value func(good string) string
	lines func(l string) string
}

// anomalies are all of them, in a fixed order.
func anomalies() []anomaly {
	var all []anomaly
	put := func(name, value string) {
		all = append(all, anomaly{name: name, value: func(string) string { return value }})
	}
	change := func(name string, how func(good string) string) {
		all = append(all, anomaly{name: name, value: how})
	}
	breakLine := func(name string, how func(l string) string) {
		all = append(all, anomaly{name: name, lines: how})
	}
	tooMuch(put, change)
	numbers(put)
	texts(put, change)
	addresses(put)
	separators(put, change)
	lines(breakLine)
	return all
}

func tooMuch(put func(name, value string), change func(string, func(string) string)) {
	for _, n := range []int{1, 16, 64, 128, 256, 257, 512, 1024, 4096, 4097, 8192, 15000} {
		put(fmt.Sprintf("%d letters", n), strings.Repeat("a", n))
	}
	for _, n := range []int{32, 300, 4000} {
		put(fmt.Sprintf("%d digits", n), strings.Repeat("9", n))
		put(fmt.Sprintf("%d dots", n), strings.Repeat(".", n))
		put(fmt.Sprintf("%d labels", n), strings.Repeat("a.", n))
		put(fmt.Sprintf("%d blanks", n), strings.Repeat(" ", n))
		put(fmt.Sprintf("%d quotes", n), strings.Repeat(`"`, n))
		put(fmt.Sprintf("%d open brackets", n), strings.Repeat("<", n))
		put(fmt.Sprintf("%d semicolons", n), strings.Repeat(";", n))
		put(fmt.Sprintf("%d commas", n), strings.Repeat(",", n))
		put(fmt.Sprintf("%d zeros", n), strings.Repeat("\x00", n))
	}
	change("twice", func(v string) string { return v + v })
	change("a hundred times", func(v string) string { return strings.Repeat(v, 100) })
	change("a list of itself", func(v string) string { return strings.Repeat(v+",", 50) + v })
	change("absent", func(string) string { return "" })
	change("without its end", func(v string) string { return v[:len(v)/2] })
	change("without its beginning", func(v string) string { return v[len(v)/2:] })
}

func numbers(put func(name, value string)) {
	for _, v := range []string{
		"0", "-0", "-1", "-2147483648", "-2147483649", "127", "255", "256", "32768", "65535", "65536", "2147483647", "2147483648", "4294967295",
		"4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "1e9", "1.5", "0x10", "010", "+1", "1 1", "NaN",
	} {
		put("number "+v, v)
	}
}

func texts(put func(name, value string), change func(string, func(string) string)) {
	for _, v := range []string{"%s", "%n", "%x", "%d%d%d%d", "%.9999d", "%s%s%s%s%s%s%s%s%n%n%n%n", "%", "%0", "%00", "%zz", "%u0041", "%25%30%30", "${jndi:x}", "{{x}}", "$(x)", "`x`", "../../../x", "<script>", "' OR 1=1 --", `\`, `\\`, `\"`} {
		put("text "+v, v)
	}
	for _, v := range []struct{ name, bytes string }{
		{"UTF-8", "привет"}, {"an emoji", "\xf0\x9f\x93\x9e"}, {"overlong UTF-8", "\xc0\xaf"}, {"longer UTF-8", "\xe0\x80\xaf"}, {"half UTF-8", "\xd0"}, {"a surrogate", "\xed\xa0\x80"},
		{"beyond Unicode", "\xf4\x90\x80\x80"}, {"a byte order mark", "\xef\xbb\xbfx"}, {"0xff", "\xff\xfe\xff"}, {"right to left", "\xe2\x80\xaex"}, {"a line separator", "a\xe2\x80\xa8b"}, {"Latin-1", "Gr\xfc\xdfe"},
	} {
		put(v.name, v.bytes)
	}
	for _, c := range []byte{0, 1, 7, 8, 9, 10, 11, 12, 13, 27, 127, 128, 160, 255} {
		put(fmt.Sprintf("the byte %d", c), string([]byte{c}))
		change(fmt.Sprintf("the byte %d behind it", c), func(v string) string { return v + string([]byte{c}) })
		change(fmt.Sprintf("the byte %d inside it", c), func(v string) string { return v[:len(v)/2] + string([]byte{c}) + v[len(v)/2:] })
	}
	change("capitals", strings.ToUpper)
	change("another case", func(v string) string {
		if u := strings.ToUpper(v); u != v {
			return u
		}
		return strings.ToLower(v)
	})
}

func addresses(put func(name, value string)) {
	for _, v := range []string{
		"256.256.256.256", "1.2.3", "1.2.3.4.5", "1..2.3", ".1.2.3", "127.1", "0x7f.0.0.1", "0177.0.0.1", "2130706433", "0.0.0.0", "255.255.255.255", "224.0.0.1", "-1.-1.-1.-1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:99999", "127.0.0.1:-1",
		"[::1]", "::1", "[::", "[]", "[::]", "[::ffff:127.0.0.1]", "[1:2:3:4:5:6:7:8:9]", "[fe80::1%lo]", "[:::1]", "localhost", "a..b", "-", "x_y", "nowhere.invalid",
	} {
		put("address "+v, v)
	}
}

func separators(put func(name, value string), change func(string, func(string) string)) {
	for _, v := range []string{";", ";;", ",", ",,", ":", "::", "=", "==", "@", "@@", "?", "??x=y", "/", "//", `"`, `""`, `"""`, "'", "<", ">", "<>", "><", "<<>>", "(", ")", "{}", "[", "]", "*", "&", "#", "|", "^", "~", "!"} {
		put("only "+v, v)
	}
	for _, v := range []struct{ name, text string }{
		{"a blank", " "}, {"a tab", "\t"}, {"a fold", "\r\n "}, {"a bare fold", "\n "}, {"a line end", "\r\n"}, {"an empty line", "\r\n\r\n"}, {"two bare line ends", "\n\n"}, {"a header", "\r\nX-Injected: y"},
		{"a second Via", "\r\nVia: SIP/2.0/UDP 192.0.2.9"}, {"a second length", "\r\nContent-Length: 1"}, {"a semicolon", ";"}, {"a comma", ","}, {"a quote", `"`}, {"a bracket", "<"}, {"a closing bracket", ">"},
		{"a parameter", ";x"}, {"a parameter without a name", ";=y"}, {"a tag", ";tag=second"}, {"headers of a URI", "?Route=%3Csip:x%3E"}, {"a comment", "(x"}, {"an at sign", "@"}, {"an escape", "%41"},
	} {
		change(v.name+" before it", func(good string) string { return v.text + good })
		change(v.name+" behind it", func(good string) string { return good + v.text })
	}
	change("in quotes", func(v string) string { return `"` + v + `"` })
	change("in brackets", func(v string) string { return "<" + v + ">" })
}

func lines(put func(string, func(l string) string)) {
	put("no line", func(string) string { return "" })
	put("the line twice", func(l string) string { return l + crlf + l })
	put("the line 150 times", func(l string) string { return strings.TrimSuffix(strings.Repeat(l+crlf, 150), crlf) })
	put("the line with a bare line feed", func(l string) string { return l + "\nX: y" })
	put("the line with a bare return", func(l string) string { return l + "\rX: y" })
	put("the line without its colon", func(l string) string { return strings.Replace(l, ":", "", 1) })
	put("the line folded", func(l string) string { return strings.ReplaceAll(l, " ", "\r\n ") })
	put("the line folded a thousand times", func(l string) string { return l + strings.Repeat("\r\n x", 1000) })
	put("the line after a blank", func(l string) string { return " " + l })
	put("the line after nothing", func(l string) string { return crlf + l })
}

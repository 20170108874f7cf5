package picture

import (
	"fmt"
	"strings"
)

// A look is the colours of a kind: of its edge and pattern, and of what is behind its words.
type look struct{ ink, fill string }

// A theme is the colours of a sheet. All words have a contrast of 4.5 or more on what is behind them, edges and
// hills of 3 or more (WCAG 2.2 §1.4.3 and §1.4.11).
type theme struct {
	sheet, text, note, back, rule, said, heard string
	kinds                                      map[Kind]look
}

var light = theme{
	sheet: "#ffffff", text: "#1b1b1b", note: "#4a4a4a", back: "#f4f5f7", rule: "#767676", said: "#1a5ca8", heard: "#1f6e2c",
	kinds: map[Kind]look{
		Notice: {"#1a5ca8", "#e3edf8"}, Wait: {"#845000", "#f8edda"}, Hold: {"#6b3fa0", "#ede5f6"},
		Pause: {"#a3301f", "#f9e3df"}, Talk: {"#1f6e2c", "#e1f1e4"}, Gap: {"#6a6a6a", "#e9e9eb"},
	},
}

var dark = theme{
	sheet: "#14171b", text: "#ededed", note: "#bcbcbc", back: "#1d2126", rule: "#8c8c8c", said: "#7fb4f0", heard: "#86d494",
	kinds: map[Kind]look{
		Notice: {"#7fb4f0", "#1d2f45"}, Wait: {"#e0b060", "#3a2e17"}, Hold: {"#c3a3ea", "#33284b"},
		Pause: {"#f09a8c", "#46261f"}, Talk: {"#86d494", "#1c3923"}, Gap: {"#9a9a9a", "#2b2f34"},
	},
}

// patterns tell kinds apart where colours do not: paths in a square of 8, drawn as lines.
var patterns = map[Kind]string{
	Notice: "M2 2h1M6 6h1M6 2h1M2 6h1",       // dots
	Wait:   "M-2 10L10 -2M-6 6L6 -6",         // rising lines
	Hold:   "M2 0v8M6 0v8",                   // upright lines
	Pause:  "M0 0l8 8M8 0l-8 8",              // a net
	Talk:   "M0 4h8",                         // level lines
	Gap:    "M-2 -2L10 10M-2 6l4 4M6 -2l4 4", // falling lines
}

func style() string {
	return strings.Join([]string{
		"text{font-family:Arial,Helvetica,'Liberation Sans','DejaVu Sans',sans-serif;font-size:12px}",
		".title{font-size:20px;font-weight:bold}.name{font-size:12px;font-weight:bold}.when{text-anchor:end;font-variant-numeric:tabular-nums}",
		".number{font-size:11px;font-weight:bold;text-anchor:middle}.key{font-size:11px}",
		".ink,.rule,.flag{fill:none;stroke-width:1.2}.flag{stroke-dasharray:4 3}.bar{stroke-width:1}",
		"g:hover>.bar{stroke-width:2.4}",
		light.css(),
		"@media (prefers-color-scheme:dark){" + dark.css() + "}",
		"@media print{" + light.css() + "}@page{size:A4 landscape;margin:8mm}",
	}, "")
}

func (t theme) css() string {
	var b strings.Builder
	fmt.Fprintf(&b, "svg{background:%s}.sheet{fill:%s}text{fill:%s}.note,.tick,.when{fill:%s}.back{fill:%s}.rule{stroke:%s}", t.sheet, t.sheet, t.text, t.note, t.back, t.rule)
	fmt.Fprintf(&b, ".wave.left{fill:%s}.wave.right{fill:%s}.flag{stroke:%s}.disc{fill:%s}text.number{fill:%s}.hole{fill:%s}", t.said, t.heard, t.text, t.text, t.sheet, t.kinds[Gap].fill)
	for _, k := range Kinds {
		fmt.Fprintf(&b, ".bar.%s{stroke:%s;fill:%s}.ink.%s{stroke:%s}", k, t.kinds[k].ink, t.kinds[k].fill, k, t.kinds[k].ink)
	}
	return b.String()
}

package trace

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
)

// label says what a message is, in a few words: method or status first, then what it is about.
func label(b []byte) string {
	first := startLine(b)
	if status, ok := strings.CutPrefix(first, "SIP/2.0 "); ok {
		if m := method(b); m != "INVITE" {
			status += " (" + m + ")"
		}
		return words(status, sessionRemark(b))
	}
	m, _, _ := strings.Cut(first, " ")
	switch m {
	case "INVITE":
		if strings.Contains(header(b, "To", "t"), ";tag=") {
			m = "re-INVITE"
		}
		return words(m, sessionRemark(b))
	case "REFER":
		return words(m, referRemark(header(b, "Refer-To", "r")))
	case "NOTIFY":
		_, body := split(b)
		return words(m, strings.TrimPrefix(startLine(body), "SIP/2.0 "))
	case "BYE", "CANCEL":
		return words(m, reasonRemark(header(b, "Reason", "")))
	case "INFO":
		if strings.HasPrefix(strings.ToLower(header(b, "Content-Type", "c")), "application/dtmf") {
			return m + " a key"
		}
	}
	return words(m, sessionRemark(b))
}

func words(w ...string) string {
	return strings.Join(slices.DeleteFunc(w, func(s string) bool { return s == "" }), " ")
}

// referRemark is whom a transfer is to go to.
func referRemark(to string) string {
	_, to, _ = strings.Cut(to, ":")
	uri, headers, _ := strings.Cut(to, "?")
	user, _, _ := strings.Cut(uri, "@")
	if plain, err := url.PathUnescape(user); err == nil {
		user = plain
	}
	if strings.HasPrefix(strings.ToLower(headers), "replaces=") {
		return "to " + user + ", attended"
	}
	return "to " + user
}

// reasonRemark is the text of a Reason header (RFC 3326), or its cause.
func reasonRemark(value string) string {
	if _, text, ok := strings.Cut(value, `text="`); ok {
		text, _, _ = strings.Cut(text, `"`)
		return text
	}
	protocol, rest, _ := strings.Cut(value, ";")
	return words(strings.TrimSpace(protocol), strings.TrimPrefix(strings.TrimSpace(rest), "cause="))
}

// staticNames are the codecs of static payload types that telephones still offer (RFC 3551 §6).
var staticNames = map[string]string{"0": "PCMU", "3": "GSM", "8": "PCMA", "9": "G722", "18": "G729"}

// sessionRemark is the description in a message: its codecs, and the direction if that is not both ways.
func sessionRemark(b []byte) string {
	_, body := split(b)
	if len(body) == 0 || !bytes.Contains(body, []byte("m=")) {
		return ""
	}
	var formats []string
	names := make(map[string]string)
	direction, protocol, media := "", "", ""
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "m="):
			f := strings.Fields(line[2:])
			if len(f) < 4 || f[1] == "0" || media == "audio" {
				continue // refused, or behind the sound
			}
			media, protocol, formats = f[0], f[2], f[3:]
		case strings.HasPrefix(line, "a=rtpmap:"):
			number, name, _ := strings.Cut(line[len("a=rtpmap:"):], " ")
			name, _, _ = strings.Cut(name, "/")
			names[number] = name
		case line == "a=sendonly", line == "a=recvonly", line == "a=inactive":
			direction = line[2:]
		case strings.HasSuffix(line, "IN IP4 0.0.0.0") && strings.HasPrefix(line, "c="):
			direction = "0.0.0.0"
		}
	}
	var codecs []string
	for _, f := range formats {
		name := names[f]
		if name == "" {
			name = staticNames[f]
		}
		if name != "" && !strings.EqualFold(name, "telephone-event") && !strings.EqualFold(name, "CN") {
			codecs = append(codecs, name)
		}
	}
	if strings.Contains(protocol, "SAVP") {
		direction = words("srtp", direction)
	}
	if media != "audio" {
		return words(media, direction)
	}
	return words(strings.Join(codecs, ","), direction)
}

package sip

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"strings"
)

// maxParts bounds a multipart body; depth is one.
const maxParts = 8

// sessionOf is the SDP of a request, nil if it carries none. If the body is not one we can read,
// ok is false and the answer says why (RFC 3261 §8.2.3).
func sessionOf(r *request) (sdp []byte, refusal answer, ok bool) {
	if r.method == "INVITE" && !acceptsSDP(r.draft) {
		return nil, answer{code: 406, extra: []string{"Accept: application/sdp"}}, false
	}
	unreadable := answer{code: 415, extra: []string{"Accept: application/sdp", "Accept-Encoding: identity"}}
	body := r.draft.body
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, answer{}, true
	}
	if e := r.draft.get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, unreadable, false
	}
	kind, params, err := mime.ParseMediaType(r.draft.get("Content-Type"))
	switch {
	case r.draft.get("Content-Type") == "":
		return body, answer{}, true // Quirk: what else would it be
	case err != nil && kind == "":
		return nil, unreadable, false
	case kind == "application/sdp":
		return body, answer{}, true
	case strings.HasPrefix(kind, "multipart/"):
		sdp, whole := partSDP(body, params["boundary"])
		switch {
		case !whole:
			return nil, answer{code: 413}, false
		case sdp != nil:
			return sdp, answer{}, true
		}
	case optional(r.draft):
		return nil, answer{}, true
	}
	return nil, unreadable, false
}

// optional says that the sender does not mind if the body is ignored (RFC 3261 §20.11).
func optional(d *draft) bool {
	_, params, err := mime.ParseMediaType(d.get("Content-Disposition"))
	return err == nil && params["handling"] == "optional"
}

// acceptsSDP says whether the answer to an INVITE may carry SDP.
func acceptsSDP(d *draft) bool {
	ranges := d.list("Accept")
	if len(ranges) == 0 {
		return true
	}
	for _, v := range ranges {
		kind, _, _ := strings.Cut(v, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/sdp", "application/*", "*/*", "*":
			return true
		}
	}
	return false
}

// partSDP finds the first session description in a multipart body. whole is false where the body
// has more parts than we read.
func partSDP(body []byte, boundary string) (sdp []byte, whole bool) {
	if boundary == "" {
		return nil, true
	}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for parts := 0; ; parts++ {
		part, err := reader.NextPart()
		if err != nil {
			return sdp, true
		}
		if parts == maxParts {
			return nil, false
		}
		kind, _, err := mime.ParseMediaType(part.Header.Get("Content-Type"))
		if err != nil || kind != "application/sdp" || sdp != nil {
			continue
		}
		if sdp, err = io.ReadAll(io.LimitReader(part, maxSDP)); err != nil {
			return nil, true
		}
	}
}

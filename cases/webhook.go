package cases

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// A Notice is the body of a webhook. Times are RFC 3339 in the zone of the body.
type Notice struct {
	Key     string `json:"key"`     // the same in each try: whoever has seen it does nothing
	Kind    string `json:"kind"`    // case, or reminder
	Percent int    `json:"percent"` // of the term that is over, for a reminder; 0
	Case    Told   `json:"case"`
}

// Told is what a unit is told of a case.
type Told struct {
	ID           string `json:"id"`
	Number       string `json:"number"`
	Unit         string `json:"unit"` // empty: the chief
	Matter       string `json:"matter"`
	Topic        string `json:"topic"`
	Language     string `json:"language"`
	Confidential bool   `json:"confidential"`
	From         string `json:"from"` // the caller's number; empty: there is none
	Opened       string `json:"opened"`
	Due          string `json:"due"`
	Recording    string `json:"recording"` // its path in our data folder
	LengthMS     int64  `json:"length_ms"`
}

// The headers of a webhook.
const (
	SignatureHeader = "X-Hotline-Signature"
	KeyHeader       = "Idempotency-Key"
)

func notice(p parcel) Notice {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.In(p.zone).Format(time.RFC3339)
	}
	n := Notice{Key: p.Key, Kind: "case", Percent: p.Percent, Case: Told{
		ID: string(p.of.ID), Number: p.of.Number, Unit: p.of.Unit, Matter: string(p.of.Matter), Topic: p.of.Topic, Language: string(p.of.Language),
		Confidential: p.of.Confidential, From: p.of.From.Raw(), Opened: at(p.of.Opened), Due: at(p.of.Due),
		Recording: p.of.Path, LengthMS: p.of.Length.Milliseconds(),
	}}
	if p.Percent > 0 {
		n.Kind = "reminder"
	}
	return n
}

// Sign is the value of SignatureHeader: t=UNIX,v1=HEX, where HEX is HMAC-SHA256 over the time, a full
// stop and the body. Receivers should refuse a time that is more than some minutes away from theirs.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// newPoster is the client of webhooks. It follows nobody elsewhere: what it carries is for one receiver.
func newPoster(roots *x509.CertPool, patience time.Duration) *http.Client {
	return &http.Client{
		Timeout:       patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: patience}).DialContext,
			TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: patience, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, ForceAttemptHTTP2: true,
		},
	}
}

// answerMost is how much of an answer is read: nothing in it is of use.
const answerMost = 64 << 10

// post tells a receiver by webhook. It has it if it answers 2xx.
func (c *Courier) post(ctx context.Context, to Receiver, p parcel) error {
	body, err := json.Marshal(notice(p))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Webhook, bytes.NewReader(body))
	if err != nil {
		return &fault{"gone", fmt.Errorf("webhook: %w", err)}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "hotline")
	request.Header.Set(KeyHeader, p.Key)
	request.Header.Set(SignatureHeader, Sign(to.Secret, c.o.Now(), body))
	response, err := c.client.Do(request)
	if err != nil {
		return &fault{postClass(err), fmt.Errorf("webhook: %w", err)}
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, answerMost)) // so that the connection serves again
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return &fault{"auth", fmt.Errorf("webhook: the receiver answers %d", code)}
	case code == http.StatusTooManyRequests || code >= 500:
		return &fault{"busy", fmt.Errorf("webhook: the receiver answers %d", code)}
	default:
		return &fault{"rejected", fmt.Errorf("webhook: the receiver answers %d", code)}
	}
}

func postClass(err error) string {
	var (
		op   *net.OpError
		cert *tls.CertificateVerificationError
		head tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &cert), errors.As(err, &head):
		return "tls"
	case errors.As(err, &op) && op.Op == "dial":
		return "connect"
	}
	return "cut"
}

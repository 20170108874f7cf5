package cases

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// A Webhook carries letters by HTTP: POST with JSON, signed.
type Webhook struct {
	Client *http.Client
	Now    func() time.Time
}

// NewWebhook makes one that follows no redirects.
func NewWebhook(now func() time.Time) *Webhook {
	return &Webhook{Now: now, Client: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true, ResponseHeaderTimeout: carryTime, TLSHandshakeTimeout: 10 * time.Second, Proxy: nil},
	}}
}

// A Notice is the body of a webhook.
type Notice struct {
	Key          string `json:"key"`  // the same each time this letter is sent
	Kind         string `json:"kind"` // forward, unreached, or the percent of a reminder
	Number       string `json:"number"`
	Matter       string `json:"matter"`
	Topic        string `json:"topic"`
	Confidential bool   `json:"confidential"`
	Language     string `json:"language"`
	From         string `json:"from"` // the citizen's number; empty: withheld
	Opened       string `json:"opened"`
	Due          string `json:"due"`
	LengthMS     int64  `json:"length_ms"` // of the recording
	Recording    string `json:"recording"` // its path in the data folder
	SHA256       string `json:"-"`
}

func noticeOf(l Letter, c Case) Notice {
	return Notice{
		Key: l.Key, Kind: l.Kind, Number: c.Number, Matter: string(c.Matter), Topic: c.Topic, Confidential: c.Confidential,
		Language: string(c.Language), From: c.From.Raw(), Opened: c.Opened.Format(time.RFC3339), Due: c.Due.Format(time.RFC3339),
		LengthMS: c.Length.Milliseconds(), Recording: c.Message,
	}
}

// SignatureHeader holds t=UNIX TIME,v1=HEX: the HMAC-SHA-256 of "TIME.BODY" under the unit's secret.
const SignatureHeader = "X-Hotline-Signature"

// Sign makes the value of SignatureHeader.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Carry implements Carrier. Any answer of 200 to 299 says that the letter has arrived.
func (w *Webhook) Carry(ctx context.Context, to Receiver, l Letter, c Case) error {
	if to.Webhook == "" {
		return errNobody
	}
	body, err := json.Marshal(noticeOf(l, c))
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.Webhook, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", l.Key)
	r.Header.Set(SignatureHeader, Sign(to.Secret, w.Now(), body))
	answer, err := w.Client.Do(r)
	if err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10)) // what it says does not matter
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return &Refused{answer.StatusCode}
	}
	return nil
}

package recording

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// Messages keeps what callers have left, in a folder of the data folder:
//
//	YYYY/MM/DD/ID.wav   what was said, 16-bit PCM, mono, 8 kHz
//	new/ID.json         what it is, until a case has been made of it; then it lies beside the sound
//
// The JSON is the message: sound without one is what a process died over, and nobody was told of it.
type Messages struct {
	root *os.Root
	zone *time.Location
	log  *zap.Logger
	sync func(*os.File) error
}

// messagesFolder is the folder's name in the data folder.
const messagesFolder = "messages"

// untold is the folder of messages of which no case was made yet.
const untold = "new"

// The modes of what only the server's user may read: a message is somebody's voice and number.
const (
	privateFolder = 0o700
	privateFile   = 0o600
)

// OpenMessages opens the folder below a data folder, and makes it.
func OpenMessages(data string, zone *time.Location, log *zap.Logger) (*Messages, error) {
	dir := path.Join(data, messagesFolder)
	if err := os.MkdirAll(path.Join(dir, untold), privateFolder); err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return &Messages{root: root, zone: zone, log: log.Named("messages"), sync: datasync}, nil
}

// Close lets the folder go.
func (s *Messages) Close() error { return s.root.Close() }

// letter is a message as it lies on disk: the caller's number is whole there.
type letter struct {
	ID           call.ID       `json:"id"`
	Call         call.ID       `json:"call"`
	Line         string        `json:"line"`
	From         string        `json:"from"`
	Withheld     bool          `json:"withheld"`
	Language     call.Language `json:"language"`
	Matter       call.Matter   `json:"matter"`
	Topic        string        `json:"topic"`
	Confidential bool          `json:"confidential"`
	Path         string        `json:"path"`
	LengthMS     int64         `json:"length_ms"`
	At           time.Time     `json:"at"`
	SHA256       string        `json:"sha256"` // of the sound's file
}

func (l letter) message() call.Message {
	return call.Message{
		ID: l.ID, Call: l.Call, Line: l.Line, From: call.Number(l.From), Withheld: l.Withheld, Language: l.Language, Kind: l.Matter,
		Topic: l.Topic, Confidential: l.Confidential, Path: l.Path, Length: time.Duration(l.LengthMS) * time.Millisecond, At: l.At,
	}
}

// Keep puts a message on the disk, and gives it with its path. When it returns without error the message
// outlives the process and the power. It waits for the disk, at most for as long as ctx lasts; a disk that
// takes longer may still take it, and then the next start finds it.
func (s *Messages) Keep(ctx context.Context, m call.Message, pcm []int16) (call.Message, error) {
	if !isID(string(m.ID)) {
		return m, fmt.Errorf("keep message: %q is no id", string(m.ID))
	}
	day := m.At.In(s.zone).Format("2006/01/02")
	m.Path = path.Join(messagesFolder, day, string(m.ID)+soundExt)
	done := make(chan error, 1)
	go func() { done <- s.keep(day, m, mono(pcm)) }()
	select {
	case err := <-done:
		if err != nil {
			return m, fmt.Errorf("keep message: %w", err)
		}
		return m, nil
	case <-ctx.Done():
		return m, fmt.Errorf("keep message: the disk takes too long: %w", ctx.Err())
	}
}

func (s *Messages) keep(day string, m call.Message, sound []byte) error {
	sum := sha256.Sum256(sound)
	about, err := json.Marshal(letter{
		m.ID, m.Call, m.Line, m.From.Raw(), m.Withheld, m.Language, m.Kind, m.Topic, m.Confidential, m.Path,
		m.Length.Milliseconds(), m.At.UTC(), hex.EncodeToString(sum[:]),
	})
	if err != nil {
		return err
	}
	if err := s.root.MkdirAll(day, privateFolder); err != nil {
		return err
	}
	if err := s.write(path.Join(day, string(m.ID)+soundExt), sound); err != nil {
		return err
	}
	if err := syncFolders(s.root, day); err != nil {
		return err
	}
	name := path.Join(untold, string(m.ID)+".json")
	if err := s.write(name+".tmp", about); err != nil {
		return err
	}
	if err := s.root.Rename(name+".tmp", name); err != nil {
		return err
	}
	return syncFolders(s.root, untold)
}

func (s *Messages) write(name string, b []byte) error {
	f, err := s.root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, privateFile)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = s.sync(f)
	}
	return errors.Join(err, f.Close())
}

// Untold are the messages of which nobody has made a case, the oldest first. One that cannot be read is
// logged and left where it is.
func (s *Messages) Untold(ctx context.Context) (list []call.Message, err error) {
	files, err := fs.ReadDir(s.root.FS(), untold)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	for _, f := range files { // ids sort by time
		id, isJSON := strings.CutSuffix(f.Name(), ".json")
		if !isJSON || ctx.Err() != nil {
			continue
		}
		b, err := s.root.ReadFile(path.Join(untold, f.Name()))
		var l letter
		if err == nil {
			err = json.Unmarshal(b, &l)
		}
		if err == nil && string(l.ID) != id {
			err = errors.New("it is another message's")
		}
		if err != nil {
			s.log.Error("a message cannot be read", zap.String("file", path.Join(messagesFolder, untold, f.Name())), zap.Error(err))
			continue
		}
		list = append(list, l.message())
	}
	return list, ctx.Err()
}

// Told says that there is a case of a message. Telling it twice is no error.
func (s *Messages) Told(_ context.Context, m call.Message) error {
	name := string(m.ID) + ".json"
	to := strings.TrimSuffix(strings.TrimPrefix(m.Path, messagesFolder+"/"), soundExt) + ".json"
	err := s.root.Rename(path.Join(untold, name), to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	return syncFolders(s.root, untold)
}

// Discard takes back a message that its caller does not want to have left. What a case was made of stays.
func (s *Messages) Discard(_ context.Context, m call.Message) error {
	if err := s.root.Remove(path.Join(untold, string(m.ID)+".json")); err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	if err := s.root.Remove(strings.TrimPrefix(m.Path, messagesFolder+"/")); err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	return syncFolders(s.root, untold)
}

// Sound is the file of a message, as its path names it.
func (s *Messages) Sound(p string) ([]byte, error) {
	b, err := s.root.ReadFile(strings.TrimPrefix(p, messagesFolder+"/"))
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	return b, nil
}

// mono is a WAV file of 16-bit PCM, mono, at 8 kHz.
func mono(pcm []int16) []byte {
	le := binary.LittleEndian
	b := make([]byte, 0, 44+2*len(pcm))
	b = le.AppendUint32(append(b, "RIFF"...), uint32(36+2*len(pcm)))
	b = le.AppendUint32(append(b, "WAVEfmt "...), 16)
	b = le.AppendUint16(le.AppendUint16(b, 1), 1) // PCM, one channel
	b = le.AppendUint32(le.AppendUint32(b, call.ClockRate), 2*call.ClockRate)
	b = le.AppendUint16(le.AppendUint16(b, 2), 16)
	b = le.AppendUint32(append(b, "data"...), uint32(2*len(pcm)))
	for _, v := range pcm {
		b = le.AppendUint16(b, uint16(v))
	}
	return b
}

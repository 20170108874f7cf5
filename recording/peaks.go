package recording

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/durable"
)

const (
	// PeakRate is how many cells a second of sound has in Peaks.
	PeakRate = 10

	// cellSamples is how long a cell is: 100 ms.
	cellSamples = call.ClockRate / PeakRate

	// cellSize is what a cell takes: a byte for each channel.
	cellSize = 2

	// cellsAtFirst is room for the cells of five minutes; a longer call makes more.
	cellsAtFirst = 5 * 60 * PeakRate
)

// Peaks are how loud a recording is: for every 100 ms the loudest sample of each channel as 16 bits,
// divided by 128: 0 to 255, where 0 is quieter than -48 dB of the loudest there may be. A last
// cell may be shorter.
type Peaks struct{ Said, Heard []byte }

// A tally finds the peaks of sound that comes piece by piece.
type tally struct {
	cells    []byte // of each cell said, heard
	most     uint64 // of the cell in the making: magnitudes in lanes, as the sound has its samples
	samples  int64  // of the cell in the making
	whole    bool   // it has the whole call
	doubtful bool   // the file may have other sound than the tally was given
}

// The lanes of eight bytes of sound: samples of 16 bits, or bytes of G.711. A magnitude leaves the highest
// bit of its lane free.
const (
	wideTop   = 0x8000_8000_8000_8000
	narrowTop = 0x8080_8080_8080_8080

	// aLawFlips are the bits of an A-law byte that travel upside down (ITU-T G.711 table 1a); µ-law turns all.
	aLawFlips = 0x5555_5555_5555_5555
)

// add counts what comes next: whole frames of two channels.
func (t *tally) add(f format, b []byte) {
	for len(b) > 0 {
		n := min(len(b), int(cellSamples-t.samples)*f.frame())
		switch f.codec {
		case codecPCM16:
			t.most = mostWide(t.most, b[:n])
		case codecALaw:
			t.most = mostNarrow(t.most, b[:n], aLawFlips)
		default:
			t.most = mostNarrow(t.most, b[:n], ^uint64(0))
		}
		t.samples += int64(n / f.frame())
		if t.samples == cellSamples {
			t.end(f)
		}
		b = b[n:]
	}
}

// mostWide holds the magnitudes of 16-bit samples against the most so far, four at a time. The magnitude of a
// negative sample is its complement, so that -32768 has one.
func mostWide(most uint64, b []byte) uint64 {
	for ; len(b) >= 32; b = b[32:] {
		w, x := magnitudes(binary.LittleEndian.Uint64(b)), magnitudes(binary.LittleEndian.Uint64(b[8:]))
		y, z := magnitudes(binary.LittleEndian.Uint64(b[16:])), magnitudes(binary.LittleEndian.Uint64(b[24:]))
		if top := most | wideTop; (top-w)&(top-x)&(top-y)&(top-z)&wideTop != wideTop { // seldom: the loudest comes once
			most = louder(louder(louder(louder(most, w), x), y), z)
		}
	}
	for ; len(b) >= 8; b = b[8:] {
		most = louder(most, magnitudes(binary.LittleEndian.Uint64(b)))
	}
	if len(b) > 0 { // a frame is left: four bytes
		most = louder(most, magnitudes(uint64(binary.LittleEndian.Uint32(b))))
	}
	return most
}

// magnitudes are those of four samples.
func magnitudes(x uint64) uint64 {
	negative := x >> 15 & 0x0001_0001_0001_0001
	return x ^ (negative<<16 - negative)
}

// louder is the larger magnitude in each lane.
func louder(most, x uint64) uint64 {
	more := ^((most | wideTop) - x) & wideTop
	lanes := more>>15<<16 - more>>15
	return most&^lanes | x&lanes
}

// mostNarrow does the same with G.711, eight bytes at a time. Without its sign and with the bits upright that
// the law turns, a byte is the larger the louder it is.
func mostNarrow(most uint64, b []byte, flips uint64) uint64 {
	for ; len(b) >= 8; b = b[8:] {
		x := (binary.LittleEndian.Uint64(b) ^ flips) &^ narrowTop
		if louder := ^((most | narrowTop) - x) & narrowTop; louder != 0 {
			lanes := louder>>7<<8 - louder>>7
			most = most&^lanes | x&lanes
		}
	}
	if len(b) > 0 { // frames are left: two to six bytes
		var last [8]byte
		for i := range last {
			last[i] = byte(flips) // silence, as nothing must be louder for it
		}
		copy(last[:], b)
		most = mostNarrow(most, last[:], flips)
	}
	return most
}

// end finishes the cell in the making, if there is one.
func (t *tally) end(f format) {
	if t.samples == 0 {
		return
	}
	var lanes [8]byte
	binary.LittleEndian.PutUint64(lanes[:], t.most)
	var cell [cellSize]byte
	if f.codec == codecPCM16 {
		for i := 0; i < len(lanes); i += 2 {
			cell[i/2&1] = max(cell[i/2&1], byte(binary.LittleEndian.Uint16(lanes[i:])>>7))
		}
	} else {
		for i, b := range lanes {
			cell[i&1] = max(cell[i&1], loudOf(f, b))
		}
	}
	t.cells = append(t.cells, cell[:]...)
	t.most, t.samples = 0, 0
}

// loudOf is what the magnitude of a G.711 byte is in a cell. Both signs have the same.
func loudOf(f format, magnitude byte) byte {
	if f.codec == codecALaw {
		return byte(f.tables.linear[f.law()][magnitude^0xD5] >> 7) // of the positive sample of this size
	}
	return byte(f.tables.linear[f.law()][^magnitude] >> 7)
}

// leave counts the samples that the next n push out of the window: nothing can change them any more.
func (w *window) leave(n int64) { w.count(max(0, w.end-windowSamples), w.end+n-windowSamples) }

func (w *window) count(from, to int64) {
	frame := int64(w.format.frame())
	for from < to {
		at := from % windowSamples
		n := min(to-from, windowSamples-at)
		w.peaks.add(w.format, w.buf[at*frame:(at+n)*frame])
		from += n
	}
}

// summit is the peaks of the whole call. The window is at its end and takes nothing any more; a seal that is
// tried again finds them counted.
func (w *window) summit() []byte {
	if !w.peaks.whole {
		w.count(max(0, w.end-windowSamples), w.end)
		w.peaks.end(w.format)
		w.peaks.whole = true
	}
	return w.peaks.cells
}

// tallySound finds the peaks of a sound file of so many samples.
func tallySound(f io.ReaderAt, form format, samples int64) ([]byte, error) {
	if form.tables == nil {
		form.tables = makeTables()
	}
	t := tally{cells: make([]byte, 0, cellSize*(samples/cellSamples+1))}
	b := make([]byte, 16*cellSamples*form.frame())
	for at := int64(0); at < samples; {
		n := min(samples-at, 16*cellSamples)
		part := b[:n*int64(form.frame())]
		if _, err := f.ReadAt(part, form.offset(at)); err != nil {
			return nil, fmt.Errorf("peaks: %w", err)
		}
		t.add(form, part)
		at += n
	}
	t.end(form)
	return t.cells, nil
}

// A peaks file is a header of 16 bytes and the cells, each one byte of what the caller says and one of what
// the caller is sent. Numbers are little-endian.
//
//	0  4  "PEAK"
//	4  1  version, 1
//	5  1  channels, 2
//	6  2  cells a second, 10
//	8  8  cells
const (
	peaksMagic   = "PEAK"
	peaksVersion = 1
	peaksHead    = 16
)

func packPeaks(cells []byte) []byte {
	b := make([]byte, 0, peaksHead+len(cells))
	b = append(b, peaksMagic...)
	b = append(b, peaksVersion, cellSize)
	b = binary.LittleEndian.AppendUint16(b, PeakRate)
	b = binary.LittleEndian.AppendUint64(b, uint64(len(cells)/cellSize))
	return append(b, cells...)
}

// unpackPeaks takes only what packPeaks makes.
func unpackPeaks(b []byte) ([]byte, error) {
	if len(b) < peaksHead || !bytes.Equal(b[:peaksHead], packPeaks(b[peaksHead:])[:peaksHead]) || len(b)%cellSize != 0 {
		return nil, fmt.Errorf("peaks: the file has %d bytes and no header that fits; remove it, peaks are made of the sound where they are missing", len(b))
	}
	return b[peaksHead:], nil
}

// split gives each channel its own cells.
func splitPeaks(cells []byte) (p Peaks) {
	n := len(cells) / cellSize
	p.Said, p.Heard = make([]byte, n), make([]byte, n)
	for i := range n {
		p.Said[i], p.Heard[i] = cells[cellSize*i], cells[cellSize*i+1]
	}
	return p
}

// storePeaks leaves the peaks beside the sound and gives the SHA-256 of their file. cover is what an encrypted
// recording does to them; nil: nothing.
func storePeaks(root *os.Root, stem string, cells []byte, cover func([]byte) ([]byte, error)) (sum string, err error) {
	b := packPeaks(cells)
	if cover != nil {
		if b, err = cover(b); err != nil {
			return "", fmt.Errorf("peaks: %w", err)
		}
	}
	temp := stem + peaksExt + tempExt
	if err := durable.Write(root, temp, b, fileMode); err != nil {
		return "", fmt.Errorf("peaks: %w", err)
	}
	if err := root.Rename(temp, stem+peaksExt); err != nil {
		return "", fmt.Errorf("peaks: %w", err)
	}
	return sumOf(b), nil
}

// loadPeaks reads the peaks that storePeaks has left, if they are those of the sum; an empty one takes any.
func loadPeaks(root *os.Root, stem, sum string, uncover func([]byte) ([]byte, error)) ([]byte, error) {
	b, err := root.ReadFile(stem + peaksExt)
	if err != nil {
		return nil, err
	}
	if sum != "" && sumOf(b) != sum {
		return nil, errors.New("peaks: the file was changed")
	}
	if uncover != nil {
		if b, err = uncover(b); err != nil {
			return nil, fmt.Errorf("peaks: %w", err)
		}
	}
	return unpackPeaks(b)
}

// sumOf is a SHA-256 as manifests and slips have it.
func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// peaks leaves the peaks of a recording beside it and gives their sum; empty: they could not be left, and are
// made of the sound when they are asked for. They are no part of the evidence: no call's sealing fails for them.
func (r *Recorder) peaks(g *Recording, f *os.File) string {
	w := g.writer.window
	cells := w.summit()
	var err error
	if w.peaks.doubtful && g.box != nil {
		return "" // the file is encrypted
	}
	if w.peaks.doubtful { // the disk has refused some of it: the file knows
		if cells, err = tallySound(f, w.format, w.written); err != nil {
			r.log.Warn("no peaks of a recording", zap.String("call", string(g.meta.Call)), zap.Error(err))
			return ""
		}
	}
	sum, err := storePeaks(r.root, g.stem, cells, g.cover)
	if err != nil {
		r.log.Warn("no peaks of a recording", zap.String("call", string(g.meta.Call)), zap.String("day", path.Dir(g.stem)), zap.Error(err))
	}
	return sum
}

"""Reads a live WAV, cut at many places, with Python's wave, and says where it reads anything but
the whole samples before the cut.

usage: cuts.py FILE STEP: cuts at every STEP-th byte, and at every one of the first and last 500.
It prints how many cuts were read.
"""
import io
import sys
import wave

HEAD, FRAME = 44, 4  # 16 bits, two channels


def read(data):
    with wave.open(io.BytesIO(data)) as w:
        if (w.getnchannels(), w.getsampwidth(), w.getframerate()) != (2, 2, 8000):
            raise SystemExit(f"the header says {w.getparams()}")
        return w.readframes(w.getnframes())


def main():
    with open(sys.argv[1], "rb") as f:
        whole = f.read()
    step = int(sys.argv[2])
    size = len(whole)
    # wave refuses a file that has no sample yet, as it may: there is nothing to read in it.
    first = HEAD + FRAME
    cuts = sorted({*range(first, first + 500), *range(first, size, step), *range(size - 500, size + 1)})
    for cut in cuts:
        n = (cut - HEAD) // FRAME
        got = read(whole[:cut])
        if len(got) // FRAME != n or got[:n * FRAME] != whole[HEAD:HEAD + n * FRAME]:
            raise SystemExit(f"cut at byte {cut}: {len(got) // FRAME} samples are read, {n} were whole, or one is wrong")
    print(len(cuts))


main()

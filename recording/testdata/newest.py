"""Reads recordings of the kill tests with Python's wave and says what is the last packet in each.

The names of the files come on standard input, one a line. For each it prints the name, and for the
left and the right channel the number of the last packet (-1: none) and how often the number before a
packet's is not one less: packets count by 32, and the rest of the division names their call.

A packet is 160 samples and says its number, 16 bits, in four digits of 40 samples each: digit i is
the A-law byte 0x80 + 0x10 i + d. The table of A-law is made here, by the words of ITU-T G.711.
"""
import array
import sys
import wave

PACKET, DIGIT = 160, 40


def alaw(byte):
    byte ^= 0x55
    exponent, mantissa = (byte >> 4) & 7, byte & 15
    value = (mantissa << 4) + 8
    if exponent:
        value = (value + 0x100) << (exponent - 1)
    return value if byte & 0x80 else -value


DIGITS = [{alaw(0x80 + 0x10 * i + d): d for d in range(16)} for i in range(4)]


def number(pcm, at):
    """The number of the packet that begins at a sample; None where none does."""
    n = 0
    for i in range(4):
        d = DIGITS[i].get(pcm[at + DIGIT * i + DIGIT // 2])
        if d is None:
            return None
        n |= d << (4 * i)
    return n


def judge(pcm):
    """The last number, and how many of those before it are not in their place."""
    for at in range(len(pcm) - PACKET, -1, -1):
        last = number(pcm, at)
        if last is not None:
            break
    else:
        return -1, 0
    wrong, before = 0, last
    while at >= PACKET:
        at -= PACKET
        n = number(pcm, at)
        if n is None:
            break  # before the call's first
        if n != before - 32:
            wrong += 1
        before = n
    return last, wrong


def main():
    for line in sys.stdin:
        name = line.rstrip("\n")
        try:
            with wave.open(name) as w:
                raw = w.readframes(w.getnframes())
        except EOFError:  # made, and nothing written to it
            raw = b""
        pcm = array.array("h", raw[:len(raw) // 4 * 4])
        print(name, *judge(pcm[0::2]), *judge(pcm[1::2]))


main()

package phone

// G.711, from the segment tables of the recommendation, not from anybody's code: every coded
// byte is decoded by arithmetic, and coding looks for the byte in the same arithmetic.

// alawToPCM decodes one A-law byte (ITU-T G.711 table 1), 13 bits scaled to 16.
func alawToPCM(b byte) int16 {
	b ^= 0x55
	segment, step := int(b>>4&7), int(b&15)
	v := step<<4 + 8
	if segment > 0 {
		v = (v + 0x100) << (segment - 1)
	}
	if b&0x80 == 0 {
		v = -v
	}
	return int16(v)
}

// ulawToPCM decodes one mu-law byte (ITU-T G.711 table 2), 14 bits scaled to 16.
func ulawToPCM(b byte) int16 {
	b = ^b
	v := (int(b&15)<<3+0x84)<<(b>>4&7) - 0x84
	if b&0x80 != 0 {
		v = -v
	}
	return int16(v)
}

func pcmToALaw(s int16) byte {
	sign, v := byte(0x80), int(s)
	if v < 0 {
		sign, v = 0, -v-1
	}
	segment := 0
	for top := 0x100; segment < 7 && v >= top; top <<= 1 {
		segment++
	}
	shift := 4
	if segment > 1 {
		shift = segment + 3
	}
	return (sign | byte(segment<<4) | byte(v>>shift&15)) ^ 0x55
}

func pcmToULaw(s int16) byte {
	sign, v := byte(0), int(s)
	if v < 0 {
		sign, v = 0x80, -v
	}
	v = min(v, 32635) + 0x84
	segment := 0
	for top := 0x100; segment < 7 && v >= top; top <<= 1 {
		segment++
	}
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3)&15))
}

// encode writes samples as G.711 of the payload type into dst.
func encode(dst []byte, pcm []int16, pt int) []byte {
	dst = dst[:0]
	for _, s := range pcm {
		if pt == ptPCMU {
			dst = append(dst, pcmToULaw(s))
		} else {
			dst = append(dst, pcmToALaw(s))
		}
	}
	return dst
}

// decode returns the samples of a G.711 payload, nil for another payload type.
func decode(payload []byte, pt int) []int16 {
	if pt != ptPCMU && pt != ptPCMA {
		return nil
	}
	pcm := make([]int16, len(payload))
	for i, b := range payload {
		if pt == ptPCMU {
			pcm[i] = ulawToPCM(b)
		} else {
			pcm[i] = alawToPCM(b)
		}
	}
	return pcm
}

package call

// A Number is a telephone number as the carrier gave it. It prints itself masked, so that it
// cannot end up in a log by accident; Raw is for the wire, the store and the desk.
type Number string

// Raw is the whole number.
func (n Number) Raw() string { return string(n) }

// String is the number with all but its last two digits hidden. Numbers shorter than five
// digits (919, 112) belong to services, not to people, and are shown.
func (n Number) String() string {
	if len(n) < 5 {
		return string(n)
	}
	return "***" + string(n[len(n)-2:])
}

// GoString keeps %#v masked too.
func (n Number) GoString() string { return `call.Number("` + n.String() + `")` }

// MarshalText keeps JSON masked too, and with it whatever a log prints by reflection.
func (n Number) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

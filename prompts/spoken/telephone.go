package spoken

import "strings"

// Groups divides a telephone number into the groups of digits in which it is said: 050 212 34 56.
// A number of Azerbaijan is said as it is dialled in the country, with 0 for +994. Spaces, brackets,
// hyphens and a + before everything are passed over. It is nil for what is no number in digits.
func Groups(number string) []string {
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(number)
	digits = strings.TrimPrefix(digits, "+")
	for _, r := range digits {
		if r < '0' || r > '9' {
			return nil
		}
	}
	if home, ok := strings.CutPrefix(digits, "994"); ok && len(home) == 9 {
		digits = "0" + home
	}
	var sizes []int
	switch n := len(digits); {
	case n == 0:
		return nil
	case n == 10 && digits[0] == '0':
		sizes = []int{3, 3, 2, 2}
	case n == 7:
		sizes = []int{3, 2, 2}
	case n <= 4:
		sizes = []int{n}
	default: // of three, the rest of two or of two twos
		for n > 4 {
			sizes, n = append(sizes, 3), n-3
		}
		if n == 4 {
			sizes, n = append(sizes, 2), 2
		}
		sizes = append(sizes, n)
	}
	groups := make([]string, 0, len(sizes))
	for _, n := range sizes {
		groups, digits = append(groups, digits[:n]), digits[n:]
	}
	return groups
}

// Package series registers metrics that several rooms count in: whoever comes second takes the first's.
package series

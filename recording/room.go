package recording

import "fmt"

// Room is the room, in bytes, that is left on the disk of a folder, and that there is in all.
func Room(dir string) (free, size uint64, err error) {
	if free, size, err = room(dir); err != nil {
		return 0, 0, fmt.Errorf("look at the room of the disk: %w", err)
	}
	return free, size, nil
}

package sip

import "sync"

// jobs runs functions one after another on a goroutine that lives while there are any. It keeps
// what waits for the media thread or the store away from the lock, in order.
type jobs struct {
	s       *Server
	mu      sync.Mutex
	queue   []func()
	running bool
}

func (j *jobs) add(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.queue = append(j.queue, f)
	if !j.running {
		j.running = true
		go j.run()
	}
}

func (j *jobs) run() {
	for {
		j.mu.Lock()
		if len(j.queue) == 0 {
			j.running = false
			j.mu.Unlock()
			return
		}
		f := j.queue[0]
		j.queue = j.queue[1:]
		j.mu.Unlock()
		j.do(f)
	}
}

// do runs one. Some are of other rooms: a bug there ends no call.
func (j *jobs) do(f func()) {
	defer j.s.recovered("job")
	f()
}

// wait returns when all that was added before has run.
func (j *jobs) wait() {
	done := make(chan struct{})
	j.add(func() { close(done) })
	<-done
}

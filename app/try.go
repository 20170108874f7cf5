package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/phone"
	"hotline/recording/access"
	"hotline/store"
)

// tryLine is the number that is dialled in `hotline try`.
const tryLine = "919"

// tryNight is the number that shows what callers meet outside the hours.
const tryNight = "9190"

// tryRobot is the operator answered by a telephone of ours, unless a person is registered.
const tryRobot = "robot"

// tryPeople are the operators free for anybody's softphone.
var tryPeople = []string{"aysel", "samir"}

// Those who may hear recordings, which operators may not, and have no telephone; what is confidential, the chief alone.
const (
	trySupervisor = "nigar"
	tryChief      = "rena"
)

// A TryOperator is a demo operator with the secret made for this run.
type TryOperator struct {
	Name      string          `json:"name"`
	Secret    string          `json:"secret"`
	Languages []call.Language `json:"languages"`
	Robot     bool            `json:"robot"`
}

// A Trial says where everything of a `hotline try` is: the content of DATA/try.json.
type Trial struct {
	Trunk      string        `json:"trunk"`  // host:port for callers, UDP and TCP
	Phones     string        `json:"phones"` // host:port for operators' phones
	HTTP       string        `json:"http"`
	Metrics    string        `json:"metrics"`
	Operators  []TryOperator `json:"operators"`
	Supervisor string        `json:"supervisor"` // who may hear the recordings
	Chief      string        `json:"chief"`      // and who may hear what is confidential, too
	Data       string        `json:"data"`
	Config     string        `json:"config"` // for the other commands
}

// TryOptions are what a trial is started with.
type TryOptions struct {
	Dir     string // of the data; made if it is not there
	Log     *zap.Logger
	Version Version
	fault   string // planted by TryCall
	NoRobot bool   // the robot operator's telephone is not connected: the caller of Try brings one
}

// Try starts a server on loopback with no carrier and nothing to edit: three demo operators,
// one of them a robot, and numbers that misbehave on purpose. Ports that are taken are
// replaced by free ones.
func Try(ctx context.Context, o TryOptions) (*App, *Trial, error) {
	a, err := startTrial(ctx, o)
	for range 5 { // somebody took a port between our look and our bind: look again
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		a, err = startTrial(ctx, o)
	}
	if err != nil {
		return nil, nil, err
	}
	trial, err := a.trial(ctx)
	if err == nil && !o.NoRobot {
		err = a.connectRobot(ctx, trial)
	}
	if err != nil {
		return nil, nil, errors.Join(err, a.Close())
	}
	return a, trial, nil
}

// startTrial starts the server on ports that are free now. Its configuration stands in the data
// folder, so that every other command can be tried too.
func startTrial(ctx context.Context, o TryOptions) (*App, error) {
	data, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("try: %w", err)
	}
	path := filepath.Join(data, "try.yaml")
	text, err := tryConfig(data)
	if err != nil {
		return nil, err
	}
	file, err := configs.Parse(path, text)
	if err != nil {
		return nil, err
	}
	crew := &tryCrew{people: map[string]bool{}}
	a, err := start(ctx, Options{File: file, Path: path, Log: o.Log, Version: o.Version}, func(a *App) {
		a.misbehave, a.fault = misbehaving, o.fault
		if o.fault == faultSwappedLegs {
			a.around = func(l call.Leg) call.Leg { return crossedLeg{l} }
		}
		a.registered = crew.registered
		crew.app = a
	})
	if err != nil {
		return nil, err
	}
	if err := replaceFile(path, text); err != nil {
		return nil, errors.Join(fmt.Errorf("write try.yaml: %w", err), a.Close())
	}
	return a, nil
}

// tryConfig is the configuration of a trial.
func tryConfig(data string) ([]byte, error) {
	trunk, phones := freeAddress("127.0.0.1:5060"), freeAddress("127.0.0.1:5070")
	quoted, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("try: %w", err)
	}
	return fmt.Appendf(nil, `# Written by hotline try, anew at each start.
data: %s
sip:
  trunks:
    listen: [udp://%[2]s, tcp://%[2]s]
    carriers: [{name: loopback, from: [127.0.0.0/8]}]
  phones:
    listen: [udp://%[3]s, tcp://%[3]s]
media: {listen: 127.0.0.1, ports: %[4]s}
http: {listen: %[5]s}
metrics: {listen: %[6]s}
lines:
  - {number: "%[7]s", also: ["012919", "+99412919"], start: main}
  - {number: "%[8]s", hours: never, start: main, closed: night} # the same by night, at any hour
calendars: {never: {}}
queues: [{name: general, wrap_up: 5s, survey: service}]
surveys:
  service:
    ask:
      - {name: service, clip: survey.q1, keys: 1-5}
      - {name: solved, clip: survey.q2, items: {1: survey.item.yes, 2: survey.item.no}}
%[9]s`, quoted, trunk, phones, tryPorts(), freeAddress("127.0.0.1:8080"), freeAddress("127.0.0.1:9919"), tryLine, tryNight, configs.Journey()), nil
}

// tryPorts is the default range of ports for sound, or another where a neighbour sits on its
// first one.
func tryPorts() string {
	for _, r := range []string{"20000-29999", "30000-31999", "40000-41999"} {
		first, _, _ := strings.Cut(r, "-")
		if free("127.0.0.1:" + first) {
			return r
		}
	}
	return "50000-51999"
}

// freeAddress is the wanted address, or one on a free port of its host where it is taken.
func freeAddress(wanted string) string {
	if free(wanted) {
		return wanted
	}
	host, _, _ := net.SplitHostPort(wanted)
	for range 20 {
		l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			break
		}
		address := l.Addr().String()
		l.Close()
		if free(address) {
			return address
		}
	}
	return wanted
}

// free reports whether a UDP and a TCP socket can be opened there.
func free(address string) bool {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return false
	}
	l.Close()
	u, err := net.ListenPacket("udp", address)
	if err != nil {
		return false
	}
	u.Close()
	return true
}

// trial makes the demo operators' secrets and those who may hear recordings, and writes try.json.
func (a *App) trial(ctx context.Context) (*Trial, error) {
	run := a.Run()
	t := &Trial{
		Trunk: hostPort(run.Trunks), Phones: hostPort(run.Phones), HTTP: run.HTTP, Metrics: run.Metrics, Data: a.file.Data, Config: a.o.Path,
		Supervisor: trySupervisor, Chief: tryChief,
	}
	known, err := a.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	for _, name := range append([]string{tryRobot}, tryPeople...) {
		if err := a.employ(ctx, known, store.User{Name: name, Role: access.Operator, Languages: a.file.Languages, Phone: true}); err != nil {
			return nil, err
		}
		secret, err := a.store.MakePhone(ctx, name, a.file.SIP.Phones.Realm)
		if err != nil {
			return nil, err
		}
		t.Operators = append(t.Operators, TryOperator{Name: name, Secret: secret, Languages: a.file.Languages, Robot: name == tryRobot})
	}
	for name, role := range map[string]string{trySupervisor: access.Supervisor, tryChief: access.Chief} {
		if err := a.employ(ctx, known, store.User{Name: name, Role: role, Languages: a.file.Languages}); err != nil {
			return nil, err
		}
	}
	body, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write try.json: %w", err)
	}
	if err := replaceFile(filepath.Join(a.file.Data, "try.json"), append(body, '\n')); err != nil {
		return nil, fmt.Errorf("write try.json: %w", err)
	}
	return t, a.loadOperators(ctx)
}

// employ adds a user, unless an earlier trial on this folder has.
func (a *App) employ(ctx context.Context, known []store.User, u store.User) error {
	if slices.ContainsFunc(known, func(k store.User) bool { return k.Name == u.Name }) {
		return nil
	}
	return a.store.AddUser(ctx, u, newPassword())
}

// hostPort takes host:port out of the first of udp://host:port.
func hostPort(listen []string) string {
	if len(listen) == 0 {
		return ""
	}
	_, address, _ := strings.Cut(listen[0], "://")
	if _, err := netip.ParseAddrPort(address); err != nil {
		return ""
	}
	return address
}

// connectRobot registers the robot's telephone; it answers until the server stops.
func (a *App) connectRobot(ctx context.Context, t *Trial) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	robot, err := phone.StartRobot(ctx, phone.Options{
		Listen: "127.0.0.1:0", Transport: "udp", Server: t.Phones, User: tryRobot, Secret: t.Operators[0].Secret, Codec: "PCMA",
	})
	if err != nil {
		return fmt.Errorf("the robot's telephone: %w", err)
	}
	a.steps.closer("robot", robot.Close)
	return nil
}

// A tryCrew sends the robot to rest while a person is registered.
type tryCrew struct {
	mu     sync.Mutex
	app    *App
	people map[string]bool
}

// registered passes a registration on to the floor and decides about the robot.
func (c *tryCrew) registered(user string, on, fresh bool) {
	c.app.floor.Registered(user, on, c.app.fresh(fresh))
	c.mu.Lock()
	defer c.mu.Unlock()
	if user != tryRobot {
		if on {
			c.people[user] = true
		} else {
			delete(c.people, user)
		}
	}
	// The robot may not be known to the floor yet; then there is nothing to decide.
	if len(c.people) > 0 {
		_ = c.app.floor.Pause(tryRobot, "a person is here")
	} else if user != tryRobot {
		_ = c.app.floor.Resume(tryRobot)
	}
}

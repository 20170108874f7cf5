package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"hotline/backup"
	"hotline/call"
	"hotline/configs"
	"hotline/desk"
	"hotline/floor"
	"hotline/line"
	"hotline/media"
	"hotline/prompts"
	"hotline/recording"
	elsewhere "hotline/recording/archive"
	"hotline/recording/vault"
	"hotline/sip"
	"hotline/sip/trace"
	"hotline/store"
)

// Options are what a server is started with.
type Options struct {
	File *configs.File
	Path string // of the file, for reload; empty: reload is refused
	Log  *zap.Logger

	// Version is shown by `hotline version` and the API, never to telephones.
	Version Version

	// Supervisor is told how the server is; nil: nobody is.
	Supervisor *Supervisor

	// Now is the clock that hours go by: of lines, of the directory, of calls out; nil: time.Now.
	// Records, recordings and timers go by the machine's.
	Now func() time.Time

	// OnState, where set, is told of every call's every state: for tests that plant a panic or
	// a kill there.
	OnState func(id call.ID, s call.State)
}

// A Version says what was built.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
}

// An App is a running server.
type App struct {
	o       Options
	file    *configs.File // as it was at the start
	log     *zap.Logger
	began   time.Time
	steps   steps
	metrics *prometheus.Registry

	store      *store.Store
	media      *media.Engine
	evidence   *evidence
	heads      *headKeeper
	reconciler *reconciler
	recorder   *recording.Recorder
	away       *elsewhere.Archive // where recordings lie besides this machine
	keys       *vault.Keyring     // of encrypted recordings; nil: there are none
	floor      *floor.Floor
	floorNow   func() time.Time // nil: the machine's; for tests that hang the floor
	line       *line.Line
	traces     *trace.Keeper
	sip        *sip.Server
	desk       *desk.Desk
	orphans    []call.Dialog // of a process that died

	calendars *calendars
	callbacks *callbacks
	gate      *gate
	register  *caseRegister
	keeper    *keeper
	keepNow   func() time.Time // the clock by which recordings are erased; nil: the machine's; for tests
	clips     shelf

	autoAnswer atomic.Pointer[map[string]bool]     // by operator: whose phone is asked to answer by itself
	trunks     atomic.Pointer[map[string][]string] // by line
	loaded     atomic.Pointer[configs.File]        // the file as last loaded
	returning  atomic.Bool                         // telephones may still find their way back after our start
	recovery   sync.WaitGroup

	misbehave  map[string]misbehaviour // by number; only in a trial
	fault      string                  // planted; only in a trial
	around     func(call.Leg) call.Leg // what stands between a caller's leg and the line; only in a trial and in tests
	registered func(user string, on, fresh bool)

	reloading sync.Mutex // one reload at a time

	mu      sync.Mutex
	grace   time.Duration // of a stop, as last loaded
	run     Run
	stopper stopper
}

// Start builds and starts everything. When it returns without error, calls are taken. An
// error has unwound what was built; *store.LockedError says that another server runs here.
func Start(ctx context.Context, o Options) (*App, error) { return start(ctx, o, func(*App) {}) }

// start is Start with a word before the parts are built: for a trial's differences.
func start(ctx context.Context, o Options, prepare func(*App)) (*App, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &App{o: o, log: o.Log, began: time.Now(), metrics: prometheus.NewRegistry(), file: o.File, grace: o.File.Stop.Grace.D()}
	a.steps.log = o.Log.Named("app")
	a.stopper.init()
	a.loaded.Store(o.File)
	a.registered = func(user string, on, fresh bool) { a.floor.Registered(user, on, a.fresh(fresh)) }
	prepare(a)
	adaptLibraries(o.Log)
	if err := a.start(ctx); err != nil {
		return nil, errors.Join(err, a.steps.unwind())
	}
	return a, nil
}

func (a *App) start(ctx context.Context) error {
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, part := range []func(context.Context) error{
		a.openFolder, a.openSound, a.openFloor, a.openCalendars, a.openSignalling, a.recover, a.openAway, a.listen, a.takeCallbacks,
		a.keepHeads, a.proveComplete, a.openKeeping, a.openDesk, a.openControl, a.announce,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	a.beSupervised()
	return nil
}

// openFolder takes the data folder for this process alone and opens the rows in it.
func (a *App) openFolder(context.Context) error {
	if err := os.MkdirAll(a.file.Data, 0o700); err != nil {
		return fmt.Errorf("data: make the folder: %w", err)
	}
	if err := backup.Whole(a.file.Data); err != nil {
		return err
	}
	lock, err := store.Lock(a.file.Data)
	if err != nil {
		return err
	}
	a.steps.closer("lock", lock.Unlock)
	a.store, err = store.Open(store.Options{Dir: a.file.Data, Log: a.log, Metrics: a.metrics})
	if err != nil {
		return err
	}
	a.steps.closer("store", a.store.Close)
	return nil
}

// openSound opens the engine and the recorder.
func (a *App) openSound(context.Context) (err error) {
	a.media, err = media.New(media.Options{
		Listen: a.file.Media.Listen, Ports: ports(a.file), Engine: engine(a.file),
		Log: a.log.Named("media"), Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	a.steps.closer("media", a.media.Close)
	if a.evidence, err = openEvidence(a.file.Data); err != nil {
		return err
	}
	a.steps.closer("evidence", a.evidence.Close)
	if err = a.openKeyring(); err != nil {
		return err
	}
	a.recorder, err = recording.New(recording.Options{
		Dir: a.recordings(), Second: a.file.Recording.Second, Chain: a.evidence.Chain, Vault: a.vault(), Node: node(), Zone: a.file.Zone(),
		Format: string(a.file.Recording.Format), Log: a.log, Metrics: a.metrics, Events: a.recordingEvent, Sealed: a.sealedLate,
	})
	if err != nil {
		return err
	}
	a.steps.closer("recording", func() error { a.recorder.Close(); return nil })
	return nil
}

// sealedLate is told what became of a recording after its call's record was closed.
func (a *App) sealedLate(id call.ID, r recording.Result) {
	if r.State == recording.StateMissing {
		a.store.RecordingMissing(id, call.UnrecordedDisk)
		return
	}
	a.store.RecordingSealed(id, r.Path, r.State)
}

func (a *App) recordings() string { return recordingsIn(a.file.Data) }

// node names this machine in manifests.
func node() string {
	name, err := os.Hostname()
	if err != nil {
		return "unknown"
	}
	return name
}

// openFloor opens the queues and the line. The line rings operators through the signalling,
// which is built on the line: a dialer that is filled in later stands between them.
func (a *App) openFloor(ctx context.Context) error {
	a.clips.metrics = prompts.NewMetrics(a.metrics)
	if err := a.clips.reload(a.file, a.file.Languages, a.log.Named("prompts")); err != nil {
		return err
	}
	past, err := a.store.Book().Past(ctx)
	if err != nil {
		return err
	}
	a.floor = floor.New(floor.Options{
		Rules: rules(a.file), House: houseRules(a.file), Languages: a.file.Languages, Journal: a.store, Book: a.store.Book(), Past: past,
		Log: a.log, Metrics: a.metrics, Now: a.floorNow,
	})
	a.steps.closer("floor", func() error { a.floor.Close(); return nil })
	a.openCallbacks()
	if err := a.loadOperators(ctx); err != nil {
		return err
	}
	a.gate = &gate{store: a.store, spell: numbers(a.file).E164, now: a.o.Now, log: a.log.Named("gate"), clip: a.hasClip, voice: a.say}
	a.gate.hourly.Store(int64(a.file.Limits.PerNumberHour))
	if err := a.gate.load(ctx); err != nil {
		return err
	}
	if err := a.openCases(ctx); err != nil {
		return err
	}
	a.openTasks()
	statuses, err := a.openStatus()
	if err != nil {
		return err
	}
	var heard line.Prompts = &a.clips
	if a.fault == faultMuteNotice {
		heard = mutedNotice{&a.clips}
	}
	a.line, err = line.New(line.Options{
		Settings: settings(a.file), Floor: a.floor, Operators: a.floor, Stars: a.floor, Places: a.floor, Callbacks: a.callbacks, Dialer: a,
		Last: a.lastOperator, Journal: a.store, Recorder: a.recorder, Prompts: heard, Log: a.log.Named("line"), Metrics: a.metrics,
		Opinions: a.store, Gate: a.gate, Cases: a.register, Messages: a.register.messages, Statuses: statuses, Now: a.o.Now, OnState: a.o.OnState,
	})
	if err != nil {
		return err
	}
	// Calls that the signalling's end has cut off still write into the parts below.
	a.steps.push("calls", 5*time.Second, a.line.Wait)
	return nil
}

// Dial implements line.Dialer: the operator's telephones.
func (a *App) Dial(ctx context.Context, d call.Dial) (call.Leg, error) {
	if on := a.autoAnswer.Load(); on != nil && (*on)[d.User] {
		d.AutoAnswer = true
	}
	return a.sip.Dial(ctx, d)
}

// DialOutside implements line.Dialer: a telephone by a trunk.
func (a *App) DialOutside(ctx context.Context, o call.Outside) (call.Leg, error) {
	return a.sip.DialOutside(ctx, o)
}

// MayCall implements line.Dialer.
func (a *App) MayCall(number call.Number) bool { return a.sip.MayCall(number) }

// lastCalls is how far back the operator of last time is looked for: later nobody remembers the other.
const lastCalls = 30 * 24 * time.Hour

// lastOperator is whom a number talked to last; empty: nobody, or it is not known.
func (a *App) lastOperator(ctx context.Context, number call.Number) string {
	name, err := a.store.LastOperator(ctx, number, time.Now().Add(-lastCalls))
	if err != nil && ctx.Err() == nil {
		a.log.Warn("the operator of last time cannot be looked up", zap.Error(err))
	}
	return name
}

// loadOperators tells the floor who works here.
func (a *App) loadOperators(ctx context.Context) error {
	users, err := a.store.Users(ctx)
	if err != nil {
		return err
	}
	a.floor.SetOperators(operators(users))
	auto := autoAnswers(users)
	a.autoAnswer.Store(&auto)
	return nil
}

// phonesReturn is how long after a start telephones that were registered may take to find their way
// back, and their operators are what they were: those with a connection have to make a new one, which
// they try within a minute or two. Later they count as new.
const phonesReturn = 5 * time.Minute

// fresh is whether a telephone counts as having become registered. One that outlived the last
// process has not, where the floor goes on: its operator is what they were. A floor that begins
// empty does not know them, and they are ready again.
func (a *App) fresh(told bool) bool { return told || !a.returning.Load() || !a.floor.Restored() }

// awaitPhones lets telephones return for a while, then tells the floor that these were all.
func (a *App) awaitPhones() {
	over := time.AfterFunc(phonesReturn, func() {
		a.returning.Store(false)
		a.floor.PhonesTold()
	})
	a.steps.closer("returning phones", func() error { over.Stop(); return nil })
}

// openSignalling builds the SIP side. Registrations that outlived the last process are told
// meanwhile.
func (a *App) openSignalling(context.Context) (err error) {
	a.returning.Store(true)
	a.setTrunks(a.file)
	out, plan := outgoing(a.file, a.o.Now)
	if err := a.openTraces(); err != nil {
		return err
	}
	a.sip, err = sip.New(sip.Options{
		Trunks: sip.TrunkOptions{
			Listen: endpoints(a.file.SIP.Trunks.Listen), Advertise: a.file.SIP.Trunks.Advertise, Carriers: carriers(a.file),
			TLS: files(a.file.SIP.Trunks.TLS),
		},
		Phones: sip.PhoneOptions{
			Listen: endpoints(a.file.SIP.Phones.Listen), Advertise: a.file.SIP.Phones.Advertise, Realm: a.file.SIP.Phones.Realm,
			NoMD5: !a.file.SIP.Phones.DigestMD5, TLS: files(a.file.SIP.Phones.TLS),
		},
		Outgoing: out, Numbers: plan, TrunksOf: a.lineTrunks,
		Media: a.media, Users: a.store, Bindings: a.store.Bindings(), Dialogs: dialogs{a.store},
		Log: a.log.Named("sip"), Security: a.log.Named("security"), Metrics: a.metrics,
		Trace: a.traces, Limits: limits(a.file), Strain: newStrainGauge().look, QueueFull: a.line.Full,
		Line: a.isNumber, Serve: a.serve, ServePhone: a.line.ServePhone, Registered: a.registered,
	})
	if err == nil {
		a.awaitPhones()
	}
	return err
}

// setTrunks notes which carriers take the calls of which line.
func (a *App) setTrunks(f *configs.File) {
	by := trunksOf(f)
	a.trunks.Store(&by)
}

// lineTrunks are the carriers of a line's calls out; none: all.
func (a *App) lineTrunks(line string) []string { return (*a.trunks.Load())[line] }

// isNumber reports whether anybody answers a dialled number.
func (a *App) isNumber(dialled string) bool {
	_, odd := a.misbehave[dialled]
	return odd || a.line.Is(dialled)
}

// serve hands a caller to the line, or in a trial to a number that misbehaves.
func (a *App) serve(ctx context.Context, leg call.Leg) {
	if odd, ok := a.misbehave[leg.Info().Dialled]; ok {
		odd.do(ctx, leg)
		return
	}
	if a.around != nil {
		leg = a.around(leg)
	}
	a.line.Serve(ctx, leg)
}

// dialogs keeps what is needed to say BYE after a crash.
type dialogs struct{ s *store.Store }

func (d dialogs) Put(g call.Dialog) error { return d.s.PutDialog(g) }
func (d dialogs) Remove(leg string) error { return d.s.RemoveDialog(leg) }

func (a *App) listen(context.Context) error {
	if err := a.sip.Listen(); err != nil {
		return err
	}
	a.steps.closer("sip", a.sip.Close)
	a.goodbyeOrphans()
	return nil
}

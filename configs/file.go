package configs

import (
	"net/netip"
	"time"
	_ "time/tzdata" // containers without /usr/share/zoneinfo must know Asia/Baku too

	"hotline/call"
)

// A File is a configuration that passed every check. Its zero value is not one: take Default,
// Parse or Load.
type File struct {
	// Data is the folder of all state, joined with the folder of the configuration file.
	Data string `yaml:"data"`

	// Timezone is an IANA name; Zone gives what it stands for.
	Timezone string `yaml:"timezone"`

	// Languages is what callers may choose, in the order of the menu; the first is the default.
	Languages []call.Language `yaml:"languages"`

	SIP           SIP                     `yaml:"sip"`
	Media         Media                   `yaml:"media"`
	HTTP          Web                     `yaml:"http"`
	Metrics       Web                     `yaml:"metrics"`
	Lines         []Line                  `yaml:"lines"`
	Calendars     map[string]Calendar     `yaml:"calendars"`
	Menus         map[string]Menu         `yaml:"menus"`
	Queues        []Queue                 `yaml:"queues"`
	Surveys       map[string]Survey       `yaml:"surveys"`
	Cases         Cases                   `yaml:"cases"`
	Status        Status                  `yaml:"status"`
	Operators     House                   `yaml:"operators"`
	Topics        map[string]Topic        `yaml:"topics"`
	Directory     []Entry                 `yaml:"directory"`
	Transfer      Transfer                `yaml:"transfer"`
	Emergency     Emergency               `yaml:"emergency"`
	Numbers       Numbers                 `yaml:"numbers"`
	Outgoing      Outgoing                `yaml:"outgoing"`
	Prompts       Prompts                 `yaml:"prompts"`
	Voices        map[call.Language]Voice `yaml:"voices"`
	Announcements []Announcement          `yaml:"announcements"`
	Limits        Limits                  `yaml:"limits"`
	Trace         Trace                   `yaml:"trace"`
	Stop          Stop                    `yaml:"stop"`
	Recording     Recording               `yaml:"recording"`

	source *source
}

// SIP is the signalling, a side at a time.
type SIP struct {
	Trunks Trunks `yaml:"trunks"`
	Phones Phones `yaml:"phones"`
}

// Trunks is the public side.
type Trunks struct {
	Listen    []Endpoint `yaml:"listen"`
	Carriers  []Carrier  `yaml:"carriers"`
	Advertise string     `yaml:"advertise"` // host without port; empty: the address that reaches the peer
	TLS       TLS        `yaml:"tls"`       // of the tls:// listeners, and shown to carriers that ask
}

// TLS is a certificate of ours. Paths are joined with the folder of the configuration file.
type TLS struct {
	Certificate string `yaml:"certificate"` // PEM, leaf first
	Key         string `yaml:"key"`         // PEM
}

// A Carrier is a network that brings calls and, where it has To, takes them.
type Carrier struct {
	Name       string         `yaml:"name"`
	From       []netip.Prefix `yaml:"from"`        // masked; whose INVITEs are calls
	Media      []netip.Prefix `yaml:"media"`       // masked; empty: those of From
	Called     Called         `yaml:"called"`      // where the dialled number stands
	ShowHidden bool           `yaml:"show_hidden"` // operators see numbers that callers withhold
	To         []Target       `yaml:"to"`          // where calls out go, the first that answers
	Register   Register       `yaml:"register"`    // as whom we register there; no user: not at all
	Options    Duration       `yaml:"options"`     // how often To is asked whether it lives; 0: never
	Numbers    NumberForm     `yaml:"numbers"`     // how it wants numbers written
	Calls      int            `yaml:"calls"`       // at once, both ways; 0: no limit of its own
	Priority   int            `yaml:"priority"`    // of calls out: lower goes first
	Weight     int            `yaml:"weight"`      // share among those of one priority
	TLS        CarrierTLS     `yaml:"tls"`
}

// Register is an account with a carrier.
type Register struct {
	User     string   `yaml:"user"`
	Password string   `yaml:"password"`
	Realm    string   `yaml:"realm"` // empty: whatever the carrier's own address asks for
	Expires  Duration `yaml:"expires"`
}

// CarrierTLS is how a carrier and we prove who we are. Paths as in TLS.
type CarrierTLS struct {
	CA          string `yaml:"ca"`          // PEM; empty: the system's
	Certificate string `yaml:"certificate"` // of ours, for this carrier; empty: that of the side
	Key         string `yaml:"key"`
	Name        string `yaml:"name"` // in its certificate; empty: the host of To
}

// A NumberForm is how a number is written to a carrier.
type NumberForm string

// The forms.
const (
	FormE164     NumberForm = "e164"     // +994125550100
	FormNational NumberForm = "national" // 0125550100
	FormAsIs     NumberForm = "as-is"    // as it stands in the directory or was typed
)

// Sound gives the networks the carrier's sound may come from.
func (c Carrier) Sound() []netip.Prefix {
	if len(c.Media) > 0 {
		return c.Media
	}
	return c.From
}

// Called says which part of an INVITE holds the dialled number.
type Called string

// Where the dialled number may stand.
const (
	CalledRequestURI Called = "request-uri"
	CalledTo         Called = "to"
)

// Phones is the operators' side.
type Phones struct {
	Listen    []Endpoint `yaml:"listen"`
	Realm     string     `yaml:"realm"`
	Advertise string     `yaml:"advertise"`
	TLS       TLS        `yaml:"tls"`
	DigestMD5 bool       `yaml:"digest_md5"` // false: telephones that know only MD5 stay outside
}

// Media is where sound enters and leaves.
type Media struct {
	Listen netip.Addr `yaml:"listen"`
	Ports  Ports      `yaml:"ports"`
	Engine Engine     `yaml:"engine"`
}

// An Engine is a way of sound to the network.
type Engine string

// The engines.
const (
	EngineAuto     Engine = "auto" // epoll on Linux, else portable
	EngineEpoll    Engine = "epoll"
	EnginePortable Engine = "portable"
)

// Web is a listener for HTTP: host:port, where the host is empty, localhost or an IP address.
type Web struct {
	Listen string `yaml:"listen"`
}

// A Line is a number the public dials.
type Line struct {
	Number string   `yaml:"number"`
	Also   []string `yaml:"also"`   // other spellings carriers send
	Hours  string   `yaml:"hours"`  // Always or the name of a calendar
	Start  string   `yaml:"start"`  // the name of a menu
	Closed string   `yaml:"closed"` // the menu outside the hours; empty: words, and the call ends
	Trunks []string `yaml:"trunks"` // carriers of its calls out; empty: all that have To
}

// Always as the hours of a line means day and night.
const Always = "always"

// An Entry of the directory is somebody a call can be put through to.
type Entry struct {
	Name      string          `yaml:"name"`
	Number    string          `yaml:"number"`
	Languages []call.Language `yaml:"languages"` // spoken there; empty: all
	Emergency bool            `yaml:"emergency"` // no notice before it, and no cap on it
	Hours     string          `yaml:"hours"`     // Always or the name of a calendar
}

// Transfer is how calls are put through.
type Transfer struct {
	Ring Duration `yaml:"ring"` // before the caller goes back to who has put it through
}

// Numbers says how numbers are read.
type Numbers struct {
	Country       string `yaml:"country"`       // country code without +
	National      string `yaml:"national"`      // prefix of a number in the country
	International string `yaml:"international"` // prefix of one elsewhere
}

// Outgoing bounds the calls that leave by a trunk, whoever causes them.
type Outgoing struct {
	Allow          []string `yaml:"allow"` // E.164 prefixes with +, or whole short numbers
	Hours          string   `yaml:"hours"` // Always or the name of a calendar
	Calls          int      `yaml:"calls"` // at once
	PerOperator    int      `yaml:"per_operator"`
	PerNumberHour  int      `yaml:"per_number_hour"`
	PerOperatorDay int      `yaml:"per_operator_day"`
	PerDay         int      `yaml:"per_day"`
}

// Trace is what is kept of the signalling of each call.
type Trace struct {
	Keep     Duration `yaml:"keep"`      // 0: nothing on disk
	MemoryMB int      `yaml:"memory_mb"` // of running and just ended calls; 0: nothing
}

// Prompts is what is played besides what must be.
type Prompts struct {
	Whisper bool `yaml:"whisper"` // the operator hears the caller's language before being joined
}

// Limits bound what the server takes on.
type Limits struct {
	Calls          int `yaml:"calls"`            // as written; File.Calls gives the number that counts
	CallsPerSecond int `yaml:"calls_per_second"` // new ones; 0: what the machine was measured to carry
	Waiting        int `yaml:"waiting"`          // callers who may wait at once; 0: no limit
	PerNumber      int `yaml:"per_number"`       // at once from one caller's number; 0: a quarter of the calls, at least 20
	PerNumberHour  int `yaml:"per_number_hour"`  // in an hour from one caller's number; 0: no limit
}

// Stop is how the server ends.
type Stop struct {
	Grace Duration `yaml:"grace"` // how long running calls may go on after SIGTERM
}

// DefaultPath is where Default and Sample are said to stand.
const DefaultPath = "hotline.yaml"

// Default gives what holds where a file says nothing. Its data folder is relative to the
// working directory.
func Default() *File {
	any4 := netip.IPv4Unspecified()
	both := func(port uint16) []Endpoint {
		at := netip.AddrPortFrom(any4, port)
		return []Endpoint{{Transport: UDP, Addr: at}, {Transport: TCP, Addr: at}}
	}
	return &File{
		Data:      "hotline-data",
		Timezone:  "Asia/Baku",
		Languages: []call.Language{"az", "en", "ru"},
		SIP: SIP{
			Trunks: Trunks{Listen: both(5060), Carriers: []Carrier{}},
			Phones: Phones{Listen: both(5070), Realm: "hotline", DigestMD5: true},
		},
		Media:         Media{Listen: any4, Ports: Ports{First: 20000, Last: 29999}, Engine: EngineAuto},
		HTTP:          Web{Listen: "127.0.0.1:8080"},
		Metrics:       Web{Listen: "127.0.0.1:9919"},
		Lines:         []Line{},
		Calendars:     map[string]Calendar{},
		Menus:         map[string]Menu{},
		Queues:        []Queue{},
		Surveys:       map[string]Survey{},
		Cases:         defaultCases(),
		Status:        defaultStatus(),
		Operators:     defaultHouse(),
		Topics:        map[string]Topic{},
		Directory:     []Entry{},
		Transfer:      Transfer{Ring: Duration(20 * time.Second)},
		Emergency:     Emergency{Key: '9', Reserve: 1},
		Numbers:       Numbers{Country: "994", National: "0", International: "00"},
		Outgoing:      Outgoing{Allow: []string{}, Hours: Always, Calls: 4, PerOperator: 2, PerNumberHour: 6, PerOperatorDay: 50, PerDay: 500},
		Trace:         Trace{Keep: Duration(7 * 24 * time.Hour), MemoryMB: 64},
		Prompts:       Prompts{Whisper: true},
		Voices:        map[call.Language]Voice{},
		Announcements: []Announcement{},
		Stop:          Stop{Grace: Duration(10 * time.Minute)},
		Recording:     defaultRecording(),
	}
}

// The entries of lists and maps have defaults of their own, which decode.go puts in before it
// reads an entry. The sample shows them in its examples.

func (c *Carrier) defaults() {
	c.Called, c.Numbers = CalledRequestURI, FormE164
	c.From, c.Media, c.To = []netip.Prefix{}, []netip.Prefix{}, []Target{}
	c.Register.Expires, c.Options = Duration(time.Hour), Duration(30*time.Second)
	c.Priority, c.Weight = 1, 1
}

func (l *Line) defaults() { l.Hours = Always; l.Also, l.Trunks = []string{}, []string{} }

func (e *Entry) defaults() { e.Languages, e.Hours = []call.Language{}, Always }

func (c *Calendar) defaults() {
	c.Holidays, c.Week, c.Movable, c.Dates = HolidaysNone, Week{}, map[Year]Movable{}, map[Date]Day{}
}

// Zone is the time zone of opening hours, folders and reports.
func (f *File) Zone() *time.Location {
	zone, err := time.LoadLocation(f.Timezone)
	if err != nil { // only in a File that no check has seen
		return time.UTC
	}
	return zone
}

// Calls is how many calls there may be at once: limits.calls, or where that is 0, one for each
// four ports, since a call of two legs takes four.
func (f *File) Calls() int {
	if f.Limits.Calls > 0 {
		return f.Limits.Calls
	}
	return f.Media.Ports.Count() / 4
}

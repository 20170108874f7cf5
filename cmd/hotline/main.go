// Command hotline is the hotline of a public body, whole, in one program: `hotline try` is a
// talking call in half a minute, `hotline serve` is the server. README.md tells the rest.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"runtime"
	"runtime/debug"

	"github.com/alecthomas/kong"

	"hotline/app"
	"hotline/configs"
	"hotline/control"
)

// commit is set by the build; version is the release this tree becomes.
var commit = "unknown"

const version = "0.1.0"

// Exit codes, as in the documentation.
const (
	exitNotSo       = 1 // the thing asked about is not so
	exitUsage       = 2 // wrong usage, a bad file, or the data folder is locked
	exitUnreachable = 3 // no server
)

// cli is every command. The help of each carries an example.
type cli struct {
	Try       tryCmd       `cmd:"" help:"Run everything on loopback with nothing to set up."`
	Serve     serveCmd     `cmd:"" help:"Run the server."`
	Check     checkCmd     `cmd:"" help:"Check the configuration file and all it names."`
	Config    configCmd    `cmd:"" help:"Show the configuration."`
	Simulate  simulateCmd  `cmd:"" help:"Tell what a caller would hear at any time, without a call."`
	Menu      menuCmd      `cmd:"" help:"See and draw where callers come."`
	User      userCmd      `cmd:"" help:"Who works here."`
	Operator  operatorCmd  `cmd:"" help:"See, pause and resume operators."`
	Queue     queueCmd     `cmd:"" help:"See the queues."`
	Trunk     trunkCmd     `cmd:"" help:"See the carriers."`
	Call      callCmd      `cmd:"" help:"See calls."`
	Callback  callbackCmd  `cmd:"" help:"Whom to call back."`
	Case      caseCmd      `cmd:"" help:"What citizens have left: complaints, proposals, applications, messages."`
	Copy      copyCmd      `cmd:"" help:"Copies of recordings for the citizens who called."`
	Incident  incidentCmd  `cmd:"" help:"Tell every caller of an incident."`
	Prompts   promptsCmd   `cmd:"" help:"What callers hear: list, check, import, render."`
	Block     blockCmd     `cmd:"" help:"Numbers that are kept out."`
	Challenge challengeCmd `cmd:"" help:"A key that every caller presses first."`
	Survey    surveyCmd    `cmd:"" help:"What callers think."`
	Directory directoryCmd `cmd:"" help:"See whom calls can be put through to."`
	Recording recordingCmd `cmd:"" help:"List, see and verify recordings."`
	Backup    backupCmd    `cmd:"" help:"Copy everything while the server runs, and prove the copy."`
	Restore   restoreCmd   `cmd:"" help:"Put a backup into an empty data folder."`
	Reload    reloadCmd    `cmd:"" help:"Read the configuration file again."`
	Drain     drainCmd     `cmd:"" help:"Refuse new calls, let running ones finish, then stop."`
	Version   versionCmd   `cmd:"" help:"Show what was built."`
}

// A fileFlag is where the configuration is; every command that touches data takes it.
type fileFlag struct {
	Config string `name:"config" short:"c" env:"HOTLINE_CONFIG" placeholder:"FILE" help:"The configuration file."`
}

// An outFlag chooses between text for people and one JSON value for programs.
type outFlag struct {
	Output string `short:"o" enum:"text,json" default:"text" help:"Output: text or json."`
}

func (f outFlag) json() bool { return f.Output == "json" }

// A byFlag is who decides.
type byFlag struct {
	By string `placeholder:"NAME" help:"Who decides; without it, whoever runs the command."`
}

func (f byFlag) by() string {
	if f.By != "" {
		return f.By
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// A whyFlag is why somebody does something that is written down.
type whyFlag struct {
	Why string `required:"" placeholder:"TEXT" help:"Why, in three words or more: it is written down for good."`
}

// A withFlag is the second person.
type withFlag struct {
	With string `required:"" placeholder:"NAME" help:"The second person who decides it."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// A terminal is where a command reads and writes.
type terminal struct {
	in       io.Reader
	out, err io.Writer
}

func run(args []string, in io.Reader, out, errs io.Writer) int {
	var c cli
	exit := -1
	parser, err := kong.New(&c, kong.Name("hotline"), kong.Writers(out, errs),
		kong.Description("The hotline of a public body. Start with: hotline try"),
		kong.Exit(func(code int) { exit = code }),
		kong.Bind(&terminal{in, out, errs}))
	if err != nil {
		fmt.Fprintln(errs, "hotline:", err)
		return exitUsage
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // --help
		return exit
	}
	if err != nil {
		fmt.Fprintf(errs, "hotline: %v\nSee: hotline --help\n", err)
		return exitUsage
	}
	if err := parsed.Run(); err != nil {
		return fail(errs, err)
	}
	return 0
}

// A notSo is an answer, not a failure: the thing asked about is not so. It has been printed.
type notSo struct{}

func (notSo) Error() string { return "not so" }

// usageError is a wrong use of a command that kong cannot see.
type usageError struct{ error }

// fail prints an error and gives the exit code for its kind.
func fail(errs io.Writer, err error) int {
	var faults configs.Faults
	switch {
	case errors.As(err, new(notSo)):
		return exitNotSo
	case errors.As(err, &faults):
		fmt.Fprint(errs, faults.Long())
		return exitUsage
	case errors.Is(err, control.ErrNoServer):
		fmt.Fprintln(errs, "hotline:", err)
		return exitUnreachable
	case errors.As(err, new(usageError)), app.IsLocked(err), app.IsUnfinished(err), app.IsBadFile(err):
		fmt.Fprintln(errs, "hotline:", err)
		return exitUsage
	}
	fmt.Fprintln(errs, "hotline:", err)
	return exitNotSo
}

type versionCmd struct{ outFlag }

func (c *versionCmd) Run(t *terminal) error {
	v := built()
	if c.json() {
		return printJSON(t.out, v)
	}
	fmt.Fprintf(t.out, "hotline %s, commit %s, %s\n", v.Version, v.Commit, v.Go)
	return nil
}

// built says what this program is, also where it was not built by the Makefile.
func built() app.Version {
	v := app.Version{Version: version, Commit: commit, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok && commit == "unknown" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	return v
}

package app

import (
	"log/slog"
	"os"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// NewLog is the log of the whole program: one JSON object a line, to standard error.
func NewLog(level zapcore.Level) *zap.Logger {
	encoder := zap.NewProductionEncoderConfig()
	encoder.TimeKey = "time"
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	encoder.EncodeDuration = zapcore.StringDurationEncoder
	core := zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(os.Stderr), level)
	return zap.New(core)
}

// adaptLibraries sends the library's own log lines to ours. sipgo logs unparsable messages
// whole, at error level: they carry people's numbers, so nothing of it is shown above debug.
func adaptLibraries(log *zap.Logger) {
	if !log.Core().Enabled(zapcore.DebugLevel) {
		sipmsg.SetDefaultLogger(slog.New(slog.DiscardHandler))
		return
	}
	handler := zapslog.NewHandler(log.Core(), zapslog.WithName("sipgo"), zapslog.AddStacktraceAt(slog.LevelError+100))
	sipmsg.SetDefaultLogger(slog.New(handler))
}

const (
	warnLevel  = zapcore.WarnLevel
	errorLevel = zapcore.ErrorLevel
)

// unseen is a registry of metrics that nobody scrapes: a command's.
func unseen() *prometheus.Registry { return prometheus.NewRegistry() }

package archive

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3Options say which storage it is.
type S3Options struct {
	Endpoint  string // host or host:port
	Bucket    string // must be there
	Prefix    string // before each name, such as "hotline/"
	Region    string // empty: asked of the storage
	AccessKey string
	SecretKey string
	CA        string // path of a PEM file; empty: the system's
	Insecure  bool   // http instead of https
}

// S3 is a place in S3-compatible storage: Amazon's, MinIO, Ceph and others. Buckets are named in the
// path, except with Amazon and others that want them in the host's name.
type S3 struct {
	core   *minio.Core
	bucket string
	prefix string
	part   int64 // bytes of each part of a large file
}

const (
	// partSize is the size of the parts of a large file; it is the least that S3 takes, so that the
	// least is sent again. Ten thousand parts may be sent: 50 GB, more than a WAV can be.
	partSize = 5 << 20

	// answerTime is how long a request may wait for its answer's head. Putting the parts of a large
	// file together may take storage a while.
	answerTime = 5 * time.Minute

	// shaKey is the name of our own checksum in an object's metadata.
	shaKey = "Sha256"

	shaHeader = "X-Amz-Checksum-Sha256"
)

// NewS3 makes a place of a bucket. It does not connect: the error is that of an option.
func NewS3(o S3Options) (*S3, error) {
	transport, err := minio.DefaultTransport(!o.Insecure)
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	transport.ResponseHeaderTimeout = answerTime
	if o.CA != "" {
		roots, err := pool(o.CA)
		if err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	}
	core, err := minio.NewCore(o.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""), Secure: !o.Insecure, Region: o.Region, Transport: transport,
		MaxRetries: 1, // when to try again is the archive's matter
	})
	if err != nil {
		return nil, fmt.Errorf("s3: %w", err)
	}
	return &S3{core: core, bucket: o.Bucket, prefix: o.Prefix, part: partSize}, nil
}

// pool reads the certificates of a CA.
func pool(path string) (*x509.CertPool, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("s3: ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("s3: ca: %s has no certificate in PEM", path)
	}
	return roots, nil
}

// Where is how notes call the place.
func (o S3Options) Where() string {
	scheme := "https"
	if o.Insecure {
		scheme = "http"
	}
	return scheme + "://" + o.Endpoint + "/" + o.Bucket + "/" + o.Prefix
}

// known is an error of the storage in words of ours.
func known(err error) error {
	if err == nil {
		return nil
	}
	if r := minio.ToErrorResponse(err); r.Code == "NoSuchKey" || r.Code == "NoSuchVersion" {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}

// Stat implements Place.
func (p *S3) Stat(ctx context.Context, name string) (Object, error) {
	info, err := p.core.StatObject(ctx, p.bucket, p.prefix+name, minio.StatObjectOptions{Checksum: true})
	if err != nil {
		return Object{}, known(err)
	}
	return Object{Name: name, Size: info.Size, SHA256: declared(info)}, nil
}

// declared is the checksum that the storage says an object has: its own of the whole where it has
// one, else what we gave it with the upload. Where the two differ it is both: no file's.
func declared(info minio.ObjectInfo) string {
	sum := fromBase64(info.ChecksumSHA256)
	for key, value := range info.UserMetadata {
		if !strings.EqualFold(key, shaKey) || strings.EqualFold(value, sum) {
			continue
		}
		if sum != "" {
			return sum + " and " + value
		}
		sum = strings.ToLower(value)
	}
	return sum
}

// fromBase64 is a checksum in hex; empty for none, and for one of parts.
func fromBase64(s string) string {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return hex.EncodeToString(b)
}

// Get implements Place.
func (p *S3) Get(ctx context.Context, name string) (Reader, error) {
	o, err := p.core.Client.GetObject(ctx, p.bucket, p.prefix+name, minio.GetObjectOptions{})
	if err != nil {
		return nil, known(err)
	}
	if _, err := o.Stat(); err != nil {
		return nil, errors.Join(known(err), o.Close())
	}
	return s3Reader{o}, nil
}

// An s3Reader asks for the range that is read.
type s3Reader struct{ *minio.Object }

// ReadAt gives io.EOF only at the end.
func (r s3Reader) ReadAt(b []byte, at int64) (int, error) {
	n, err := r.Object.ReadAt(b, at)
	if n == len(b) && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// List implements Place.
func (p *S3) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop() // also where nobody wants more
		for o := range p.core.Client.ListObjects(ctx, p.bucket, minio.ListObjectsOptions{Prefix: p.prefix + prefix, Recursive: true}) {
			if !yield(Object{Name: strings.TrimPrefix(o.Key, p.prefix), Size: o.Size}, o.Err) || o.Err != nil {
				return
			}
		}
	}
}

// Delete implements Place. In a bucket that keeps versions, all versions go.
func (p *S3) Delete(ctx context.Context, prefix string) error {
	var errs []error
	for _, err := range p.uploads(ctx, p.prefix+prefix, func(key, id string) error {
		return p.core.AbortMultipartUpload(ctx, p.bucket, key, id)
	}) {
		errs = append(errs, fmt.Errorf("unfinished uploads: %w", err))
	}
	versions := p.core.Client.ListObjects(ctx, p.bucket, minio.ListObjectsOptions{Prefix: p.prefix + prefix, Recursive: true, WithVersions: true})
	for o := range versions {
		switch {
		case o.Err != nil && unsupported(o.Err): // then each has only one
			errs = append(errs, p.deletePlain(ctx, prefix))
		case o.Err != nil:
			errs = append(errs, o.Err)
		default:
			err := p.core.RemoveObject(ctx, p.bucket, o.Key, minio.RemoveObjectOptions{VersionID: o.VersionID})
			errs = append(errs, ignore(known(err), fs.ErrNotExist))
		}
	}
	return errors.Join(errs...)
}

// deletePlain is Delete in storage that knows no versions.
func (p *S3) deletePlain(ctx context.Context, prefix string) error {
	for o, err := range p.List(ctx, prefix) {
		if err == nil {
			err = ignore(known(p.core.RemoveObject(ctx, p.bucket, p.prefix+o.Name, minio.RemoveObjectOptions{})), fs.ErrNotExist)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func ignore(err, none error) error {
	if errors.Is(err, none) {
		return nil
	}
	return err
}

// unsupported reports whether storage says that it does not know a request.
func unsupported(err error) bool {
	r := minio.ToErrorResponse(err)
	return r.Code == "NotImplemented" || r.Code == "MethodNotAllowed" || r.StatusCode == http.StatusNotImplemented ||
		r.StatusCode == http.StatusMethodNotAllowed
}

// uploads does something with each unfinished upload under a prefix, and gives what went wrong.
// Storage that cannot list them has none that we could find.
func (p *S3) uploads(ctx context.Context, prefix string, do func(key, id string) error) (errs []error) {
	var key, id string
	for {
		page, err := p.core.ListMultipartUploads(ctx, p.bucket, prefix, key, id, "", 1000)
		if err != nil {
			if unsupported(err) || minio.ToErrorResponse(err).Code == "NoSuchUpload" { // Quirk: gofakes3 where there is none
				return errs
			}
			return append(errs, err)
		}
		for _, u := range page.Uploads {
			if !strings.HasPrefix(u.Key, prefix) {
				continue // Quirk: some give all of the bucket
			}
			if err := do(u.Key, u.UploadID); err != nil && minio.ToErrorResponse(err).Code != "NoSuchUpload" {
				errs = append(errs, err)
			}
		}
		if !page.IsTruncated || page.NextKeyMarker == "" && page.NextUploadIDMarker == "" {
			return errs
		}
		key, id = page.NextKeyMarker, cmp.Or(page.NextUploadIDMarker, id)
	}
}

package archive

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/minio/minio-go/v7"
)

// Put implements Place.
func (p *S3) Put(ctx context.Context, name string, s Source) error {
	key := p.prefix + name
	if s.Size > p.part {
		return p.putParts(ctx, key, s)
	}
	b, err := s.piece(0, p.part)
	if err != nil {
		return err
	}
	if got := hexSum(b); got != s.SHA256 {
		return own("%s has been changed while it was read: its SHA-256 is %s, not %s", name, got, s.SHA256)
	}
	o := p.options(s)
	sum := sha256.Sum256(b)
	o.UserMetadata[shaHeader] = base64.StdEncoding.EncodeToString(sum[:])
	info, err := p.core.PutObject(ctx, p.bucket, key, s.metered(bytes.NewReader(b)), int64(len(b)), md5Base64(b), s.SHA256, o)
	if err != nil {
		return err
	}
	if got := fromBase64(info.ChecksumSHA256); got != "" && got != s.SHA256 {
		return fmt.Errorf("%w: it says that %s has the SHA-256 %s, not %s", ErrMismatch, name, got, s.SHA256)
	}
	return nil
}

func (p *S3) options(s Source) minio.PutObjectOptions {
	return minio.PutObjectOptions{
		ContentType: "application/octet-stream", UserMetadata: map[string]string{shaKey: s.SHA256},
		DisableContentSha256: true, // not chunk by chunk: the request is signed with the SHA-256 of all it carries
	}
}

// putParts sends a file in parts: those that are not there from an upload that was cut off.
func (p *S3) putParts(ctx context.Context, key string, s Source) error {
	id, there, err := p.unfinished(ctx, key)
	if err != nil {
		return err
	}
	if id == "" {
		if id, err = p.core.NewMultipartUpload(ctx, p.bucket, key, p.options(s)); err != nil {
			return err
		}
	}
	var parts []minio.CompletePart
	for i := int64(0); i*p.part < s.Size; i++ {
		b, err := s.piece(i*p.part, p.part)
		if err != nil {
			return err
		}
		number := int(i) + 1
		sum := md5.Sum(b)
		tag := there[number].ETag
		if there[number].Size != int64(len(b)) || !sameTag(tag, sum[:]) {
			sent, err := p.core.PutObjectPart(ctx, p.bucket, key, id, number, s.metered(bytes.NewReader(b)), int64(len(b)),
				minio.PutObjectPartOptions{Md5Base64: md5Base64(b), Sha256Hex: hexSum(b), DisableContentSha256: true})
			if err != nil {
				return err
			}
			tag = sent.ETag
		}
		parts = append(parts, minio.CompletePart{PartNumber: number, ETag: tag})
	}
	_, err = p.core.CompleteMultipartUpload(ctx, p.bucket, key, id, parts, minio.PutObjectOptions{})
	return err
}

// unfinished finds the upload of an object that was cut off, and its parts. Where there are several,
// the one with most parts is taken and the others are given up.
func (p *S3) unfinished(ctx context.Context, key string) (id string, parts map[int]minio.ObjectPart, err error) {
	errs := p.uploads(ctx, key, func(k, other string) error {
		if k != key {
			return nil
		}
		have, err := p.parts(ctx, key, other)
		if err != nil {
			return err
		}
		worse := other
		if id == "" || len(have) > len(parts) {
			worse, id, parts = id, other, have
		}
		if worse == "" {
			return nil
		}
		return p.core.AbortMultipartUpload(ctx, p.bucket, key, worse)
	})
	return id, parts, errors.Join(errs...)
}

// parts are those of an upload, by their numbers.
func (p *S3) parts(ctx context.Context, key, id string) (map[int]minio.ObjectPart, error) {
	all := map[int]minio.ObjectPart{}
	marker := 0
	for {
		page, err := p.core.ListObjectParts(ctx, p.bucket, key, id, marker, 1000)
		if err != nil {
			if unsupported(err) {
				return all, nil
			}
			return nil, err
		}
		for _, o := range page.ObjectParts {
			o.ETag = strings.Trim(o.ETag, `"`)
			all[o.PartNumber] = o
		}
		if !page.IsTruncated || page.NextPartNumberMarker <= marker {
			return all, nil
		}
		marker = page.NextPartNumberMarker
	}
}

// piece is up to size bytes of a file.
func (s Source) piece(at, size int64) ([]byte, error) {
	b := make([]byte, min(size, s.Size-at))
	if n, err := s.ReadAt(b, at); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, ownFault{fmt.Errorf("read: %w", err)}
	}
	return b, nil
}

// sameTag reports whether a part that is there may be this one. Where the tag is no MD5, as in
// storage that encrypts, only reading back can say: that is done with the whole anyway.
func sameTag(tag string, sum []byte) bool {
	got, err := hex.DecodeString(tag)
	return tag != "" && (err != nil || len(got) != md5.Size || bytes.Equal(got, sum))
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func md5Base64(b []byte) string {
	sum := md5.Sum(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

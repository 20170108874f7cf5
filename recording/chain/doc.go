// Package chain makes a set of files stand as evidence: each is a link that names the digest of the one before
// and is signed by the node's key, so that none can be altered, left out, put in or exchanged without the
// first wrong link being found by anybody who has the public key.
//
// A link is one line of JSON whose last members are
//
//	"seq":57,"previous":"…","key":"…","digest":"…","signature":"…"}
//
// The digest is the SHA-256, in hex, of the line without digest and signature (and without its line feed),
// the signature the Ed25519 signature (RFC 8032 §5.1), in base64, of the same bytes. So sed, sha256sum and
// openssl are enough to check it: scripts/verify-chain.sh does.
//
// A Chain is made of the manifests of recordings, which lie where the recordings lie, and of links of other
// kinds, which lie in a folder of the chain's own: the first, which adopts what is older than the chain, and
// those that say what was erased. A Log is a chain in one file, a link a line.
//
// What a chain cannot show by itself is that its newest links were taken away. That is what a Head is for:
// it says how long the chain was on a day, and is kept in a second place.
package chain

// Checks the vectors of this folder without any code of Warren: `go run check.go` here, standard library only.
//
// It packs the fields of each document into msgpack by the rules of src/warren/canonical.py, checks the digest and
// the Ed25519 signature (Go's own implementation) over the domain of src/warren/trust/signing.py, derives the network
// id, the IPv6 address, the pin and the join proof, and opens the sealed message with a ChaCha20-Poly1305 written out
// below from RFC 8439, since the standard library offers none.
package main

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"math/bits"
	"net/netip"
	"os"
	"sort"
	"strings"
)

type document struct {
	Name, Kind, Signer, Subject, Raw, Digest string
	Fields                                   map[string]any
}

type derived struct {
	Network, Root, Server string
	Ipv6                  struct{ Identity, Prefix, Address string }
	Admission             struct{ Key, Seed, Pin, Public, Identity, Challenge, Signature string }
	Sealed                struct {
		Sender, Receiver, Plain, Sealed string
		SenderPath                      string `json:"sender_path"`
		ReceiverPathPrivate             string `json:"receiver_path_private"`
	}
}

func main() {
	var documents []document
	var other derived
	read("documents.json", &documents)
	read("derived.json", &other)
	network := unhex(other.Network)
	for _, one := range documents {
		checkDocument(one, network)
	}
	checkDerived(other, network)
	checkSealed(other, network)
	fmt.Printf("%d documents and what is derived: good\n", len(documents))
}

func checkDocument(one document, network []byte) {
	body := pack(one.Fields)
	if one.Kind == "genesis" {
		sum := sha256.Sum256(body)
		same(one.Name+" network id", sum[:], network)
		network = make([]byte, 32)
	}
	message := join([]byte("warren/"+one.Kind+"/v1\x00"), network, body)
	raw := unhex(one.Raw)
	signature := raw[len(raw)-64:]
	require(one.Name+" signature", ed25519.Verify(unhex(one.Signer), message, signature))
	envelope := pack([]any{one.Kind, "hex:" + one.Signer, "hex:" + hex.EncodeToString(body), "hex:" + hex.EncodeToString(signature)})
	same(one.Name+" bytes", envelope, raw)
	sum := sha256.Sum256(raw)
	same(one.Name+" digest", sum[:], unhex(one.Digest))
}

func checkDerived(all derived, network []byte) {
	sum := sha256.Sum256(join([]byte("warren/ipv6/v1"), network, unhex(all.Ipv6.Identity)))
	prefix := netip.MustParsePrefix(all.Ipv6.Prefix).Addr().As16()
	copy(prefix[8:], sum[:8])
	require("ipv6", netip.AddrFrom16(prefix) == netip.MustParseAddr(all.Ipv6.Address))

	a := all.Admission
	sum = sha256.Sum256(join([]byte("warren/pin/v1"), network, unhex(all.Root), unhex(all.Server)))
	same("pin", sum[:16], unhex(a.Pin))
	pair := ed25519.NewKeyFromSeed(unhex(a.Seed))
	same("public half", pair.Public().(ed25519.PublicKey), unhex(a.Public))
	proof := ed25519.Sign(pair, join([]byte("warren/join/v1\x00"), unhex(a.Identity), network, unhex(a.Challenge)))
	same("join proof", proof, unhex(a.Signature))
	parts := strings.Split(a.Key, ".")
	require("key", len(parts) == 4 && parts[0] == "wk" && len(parts[1]) == 10)
	require("seed in key", parts[2] == base64.RawURLEncoding.EncodeToString(unhex(a.Seed)))
	require("pin in key", parts[3] == base64.RawURLEncoding.EncodeToString(unhex(a.Pin)))
}

func checkSealed(all derived, network []byte) {
	s := all.Sealed
	sealed := unhex(s.Sealed)
	receiver, err := ecdh.X25519().NewPrivateKey(unhex(s.ReceiverPathPrivate))
	require("receiver key", err == nil)
	var secrets []byte
	for _, public := range [][]byte{sealed[1:33], unhex(s.SenderPath)} {
		key, err := ecdh.X25519().NewPublicKey(public)
		require("public key", err == nil)
		shared, err := receiver.ECDH(key)
		require("exchange", err == nil)
		secrets = append(secrets, shared...)
	}
	info := join([]byte("warren/seal/v1"), unhex(s.Sender), unhex(s.Receiver), sealed[1:33], unhex(s.SenderPath), receiver.PublicKey().Bytes())
	key := mac(mac(network, secrets), append(info, 1)) // RFC 5869: extract, then the first block of expand
	require("version", sealed[0] == 1)
	same("sealed message", open(key, sealed[33:]), unhex(s.Plain))
}

// pack writes JSON as canonical msgpack; a string that begins with "hex:" is bytes.
func pack(value any) []byte {
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		out := []byte{byte(0x80 | len(keys))}
		require("at most 15 fields", len(keys) < 16)
		for _, key := range keys {
			out = join(out, pack(key), pack(v[key]))
		}
		return out
	case []any:
		out := []byte{byte(0x90 | len(v))}
		require("at most 15 items", len(v) < 16)
		for _, item := range v {
			out = join(out, pack(item))
		}
		return out
	case bool:
		if v {
			return []byte{0xc3}
		}
		return []byte{0xc2}
	case json.Number:
		number, err := v.Int64()
		require("integer", err == nil && number >= 0)
		return integer(uint64(number))
	case string:
		if content, found := strings.CutPrefix(v, "hex:"); found {
			data := unhex(content)
			return join(length(len(data), 0, 0xc4), data)
		}
		return join(length(len(v), 0xa0, 0xd9), []byte(v))
	}
	panic(fmt.Sprintf("no such value: %T", value))
}

func integer(n uint64) []byte {
	switch {
	case n < 0x80:
		return []byte{byte(n)}
	case n < 1<<8:
		return []byte{0xcc, byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{0xcd}, uint16(n))
	case n < 1<<32:
		return binary.BigEndian.AppendUint32([]byte{0xce}, uint32(n))
	}
	return binary.BigEndian.AppendUint64([]byte{0xcf}, n)
}

func length(n int, short, first byte) []byte {
	switch {
	case short != 0 && n < 32:
		return []byte{short | byte(n)}
	case n < 1<<8:
		return []byte{first, byte(n)}
	}
	return binary.BigEndian.AppendUint16([]byte{first + 1}, uint16(n))
}

// open is ChaCha20-Poly1305 of RFC 8439 with a zero nonce and no associated data.
func open(key, sealed []byte) []byte {
	text, tag := sealed[:len(sealed)-16], sealed[len(sealed)-16:]
	block := chacha(key, 0)
	r, s := little(block[:16]), little(block[16:32])
	clamp, _ := new(big.Int).SetString("0ffffffc0ffffffc0ffffffc0fffffff", 16)
	r.And(r, clamp)
	padded := append(bytes.Clone(text), make([]byte, (16-len(text)%16)%16)...)
	padded = binary.LittleEndian.AppendUint64(padded, 0)
	padded = binary.LittleEndian.AppendUint64(padded, uint64(len(text)))
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 130), big.NewInt(5))
	sum := new(big.Int)
	for at := 0; at < len(padded); at += 16 {
		sum.Add(sum, little(append(bytes.Clone(padded[at:at+16]), 1)))
		sum.Mod(sum.Mul(sum, r), prime)
	}
	sum.Mod(sum.Add(sum, s), new(big.Int).Lsh(big.NewInt(1), 128))
	require("tag", sum.Cmp(little(tag)) == 0)
	plain := make([]byte, len(text))
	for at := range text {
		plain[at] = text[at] ^ chacha(key, uint32(1+at/64))[at%64]
	}
	return plain
}

func chacha(key []byte, counter uint32) []byte {
	start := [16]uint32{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 12: counter}
	for i := range 8 {
		start[4+i] = binary.LittleEndian.Uint32(key[4*i:])
	}
	s := start
	quarter := func(a, b, c, d int) {
		for _, by := range [2][2]int{{16, 12}, {8, 7}} {
			s[a] += s[b]
			s[d] = bits.RotateLeft32(s[d]^s[a], by[0])
			s[c] += s[d]
			s[b] = bits.RotateLeft32(s[b]^s[c], by[1])
		}
	}
	for range 10 {
		for i := range 4 {
			quarter(i, 4+i, 8+i, 12+i)
		}
		for i := range 4 {
			quarter(i, 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4)
		}
	}
	var out []byte
	for i := range s {
		out = binary.LittleEndian.AppendUint32(out, s[i]+start[i])
	}
	return out
}

func little(data []byte) *big.Int {
	turned := make([]byte, len(data))
	for i, b := range data {
		turned[len(data)-1-i] = b
	}
	return new(big.Int).SetBytes(turned)
}

func mac(key, data []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(data)
	return h.Sum(nil)
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func unhex(text string) []byte {
	data, err := hex.DecodeString(text)
	require("hex", err == nil)
	return data
}

func read(name string, into any) {
	content, err := os.ReadFile(name)
	require(name, err == nil)
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	require(name, decoder.Decode(into) == nil)
}

func same(what string, got, want []byte) {
	require(fmt.Sprintf("%s: %x is not %x", what, got, want), bytes.Equal(got, want))
}

func require(what string, good bool) {
	if !good {
		fmt.Fprintln(os.Stderr, "wrong:", what)
		os.Exit(1)
	}
}

package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/cloudflare/circl/blindsign/blindrsa"
)

var base64url = base64.RawURLEncoding

// Persona Relay as one would write it by hand: each answer is a map, each key is parsed once.
type persona struct {
	url, apiKey string
	http        *http.Client
	keys        sync.Map
}

func newPersona(concurrency int, pooled bool) *persona {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if pooled {
		// By default two idle connections are kept; with more at once, each call opens one.
		transport.MaxIdleConns = 2 * concurrency
		transport.MaxIdleConnsPerHost = 2 * concurrency
	}
	return &persona{
		url:    os.Getenv("RELAYPASS_BASE_URL"),
		apiKey: os.Getenv("RELAYPASS_API_KEY"),
		http:   &http.Client{Transport: transport},
	}
}

func (p *persona) flow(claimType string) error {
	type object = map[string]any
	relay, err := p.post("/api/privacy/v1/relays", object{
		"claim-type": claimType, "encryption-key-pem": nil, "sandbox": true,
	}, nil)
	if err != nil {
		return err
	}
	pass, err := p.issuePrivacyPass(claimType)
	if err != nil {
		return err
	}
	answer, err := p.post("/api/privacy/v1/relays/"+relay["relay-token"]+"/generate-claim", object{},
		map[string]string{
			"authorization":        "PrivateToken token=" + pass,
			"persona-relay-secret": relay["relay-secret"],
		})
	if err != nil {
		return err
	}
	var claim struct {
		Result string `json:"claim_result"`
	}
	if err := json.Unmarshal([]byte(answer["claim-payload"]), &claim); err != nil {
		return err
	}
	if claim.Result != "passed" {
		return errors.New("not passed")
	}
	return nil
}

func (p *persona) issuePrivacyPass(claimType string) (string, error) {
	issued, err := p.post("/api/privacy/v1/relays/challenge",
		map[string]any{"claim-type": claimType, "sandbox": true}, nil)
	if err != nil {
		return "", err
	}
	challenge, err := base64url.DecodeString(issued["challenge"])
	if err != nil {
		return "", err
	}
	var fields struct {
		Mac string `json:"mac"`
	}
	if err := json.Unmarshal(challenge, &fields); err != nil {
		return "", err
	}
	key, err := p.publicKey(issued["token-key"])
	if err != nil {
		return "", err
	}
	client, err := blindrsa.NewClient(blindrsa.SHA384PSSDeterministic, key)
	if err != nil {
		return "", err
	}
	random := make([]byte, 32)
	rand.Read(random)
	nonce, keyID := hex.EncodeToString(random), issued["token-key-id"]
	message := []byte{0, 2}
	for _, text := range []string{nonce, fields.Mac, keyID} {
		hash := sha256.Sum256([]byte(text))
		message = append(message, hash[:]...)
	}
	blinded, state, err := client.Blind(rand.Reader, message)
	if err != nil {
		return "", err
	}
	signed, err := p.post("/api/v1/privacy-passes",
		map[string]any{"blinded-token": base64url.EncodeToString(blinded), "key-id": keyID},
		map[string]string{"authorization": "Bearer " + p.apiKey})
	if err != nil {
		return "", err
	}
	blindSignature, err := base64url.DecodeString(signed["blind-sig"])
	if err != nil {
		return "", err
	}
	signature, err := client.Finalize(state, blindSignature)
	if err != nil {
		return "", err
	}
	pass := fmt.Appendf(nil, `{"token_nonce":"%s","signature":"%s","key_id":"%s","challenge":%s}`,
		nonce, base64url.EncodeToString(signature), keyID, challenge)
	return base64url.EncodeToString(pass), nil
}

func (p *persona) publicKey(encoded string) (*rsa.PublicKey, error) {
	if key, ok := p.keys.Load(encoded); ok {
		return key.(*rsa.PublicKey), nil
	}
	der, err := base64url.DecodeString(encoded)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the token key is not RSA")
	}
	p.keys.Store(encoded, key)
	return key, nil
}

func (p *persona) post(path string, body any, headers map[string]string) (map[string]string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPost, p.url+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("content-type", "application/json")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := p.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("Persona answered %d: %s", response.StatusCode, answer)
	}
	var fields map[string]any
	if err := json.Unmarshal(answer, &fields); err != nil {
		return nil, err
	}
	texts := map[string]string{}
	for name, value := range fields {
		if text, ok := value.(string); ok {
			texts[name] = text
		}
	}
	return texts, nil
}

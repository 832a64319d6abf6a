// The peer in Go, written by hand: net/http, and circl, which the official Go SDK blinds with.
//
//	peer pass BITS                                     microseconds for blind + finalize of one pass
//	peer flows COUNT CONCURRENCY WARMUP TRANSPORT      whole flows; TRANSPORT: default or pooled
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cloudflare/circl/blindsign/blindrsa"
)

func main() {
	arguments := os.Args[1:]
	number := func(index int) int {
		n, err := strconv.Atoi(arguments[index])
		check(err)
		return n
	}
	switch {
	case len(arguments) == 2 && arguments[0] == "pass":
		measurePass(number(1))
	case len(arguments) == 5 && arguments[0] == "flows":
		measureFlows(number(1), number(2), number(3), arguments[4] == "pooled")
	default:
		fmt.Fprintln(os.Stderr, "say `pass BITS` or `flows COUNT CONCURRENCY WARMUP default|pooled`")
		os.Exit(2)
	}
}

func measurePass(bits int) {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	check(err)
	client, err := blindrsa.NewClient(blindrsa.SHA384PSSDeterministic, &key.PublicKey)
	check(err)
	signer := blindrsa.NewSigner(key)
	message := make([]byte, 98)
	rand.Read(message)
	// Each step in a row of its own, as ours: signing is not measured.
	var blinded, signatures [rounds][]byte
	var states [rounds]blindrsa.State
	micros := median(func(round int) {
		blinded[round], states[round], err = client.Blind(rand.Reader, message)
		check(err)
	})
	for round := range rounds {
		signatures[round], err = signer.BlindSign(blinded[round])
		check(err)
	}
	micros += median(func(round int) {
		_, err := client.Finalize(states[round], signatures[round])
		check(err)
	})
	print(map[string]any{"micros": micros})
}

const rounds = 210

// The median of what these rounds take, in microseconds. The first ones warm the caches.
func median(work func(round int)) float64 {
	var micros []float64
	for round := range rounds {
		started := time.Now()
		work(round)
		if round >= 10 {
			micros = append(micros, time.Since(started).Seconds()*1e6)
		}
	}
	slices.Sort(micros)
	return micros[len(micros)/2]
}

func measureFlows(count, concurrency, warmup int, pooled bool) {
	persona := newPersona(concurrency, pooled)
	flows := func(count int) {
		var begun atomic.Int64
		var workers sync.WaitGroup
		for range concurrency {
			workers.Go(func() {
				for begun.Add(1) <= int64(count) {
					check(persona.flow("age_over18_verified"))
				}
			})
		}
		workers.Wait()
	}
	flows(warmup)
	started, cpu := time.Now(), cpuSeconds()
	flows(count)
	print(map[string]any{
		"flows":       count,
		"seconds":     time.Since(started).Seconds(),
		"cpu_seconds": cpuSeconds() - cpu,
	})
}

// CPU time of this process, user and system.
func cpuSeconds() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	seconds := func(spent syscall.Timeval) float64 {
		return float64(spent.Sec) + float64(spent.Usec)/1e6
	}
	return seconds(usage.Utime) + seconds(usage.Stime)
}

func print(result map[string]any) {
	check(json.NewEncoder(os.Stdout).Encode(result))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

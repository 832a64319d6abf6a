module relaypass.invalid/bench/peer

go 1.25.0

require github.com/cloudflare/circl v1.6.5

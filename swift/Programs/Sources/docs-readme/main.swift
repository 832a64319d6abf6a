import Foundation
import RelayPass

let environment = ProcessInfo.processInfo.environment
let client = try RelayPass(
  .init(apiKey: environment["RELAYPASS_API_KEY"], baseURL: environment["RELAYPASS_BASE_URL"]))
let relay = try await client.relays.create(claimType: "age_over18_verified")
let issued = try await client.relays.issuePrivacyPass(claimType: "age_over18_verified")
// … the visitor's browser gets relay.relaySessionAccessToken and verifies with Persona …
let answer = try await client.relays.generateClaim(
  relayToken: relay.relayToken, relaySecret: relay.relaySecret,
  privacyPassToken: issued.privacyPassToken, claimType: "age_over18_verified")
print(answer.claim?.passed == true ? "passed" : "failed")

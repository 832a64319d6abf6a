// The three steps, with an encrypted claim.
//
// Against a local sandbox, which prints the address and the key (production_api_key):
//
//     relaypass sandbox
//     RELAYPASS_BASE_URL=… RELAYPASS_API_KEY=… swift/run.sh three-steps

import Foundation
import RelayPass

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

let environment = ProcessInfo.processInfo.environment
let baseURL = environment["RELAYPASS_BASE_URL"]! // in production: leave it out
let claimType = "age_over18_verified"

let client = try RelayPass(
  .init(
    apiKey: environment["RELAYPASS_API_KEY"],
    baseURL: baseURL,
    decryptionKey: .pair(try await EncryptionKey.generate()) // in production: made once, and kept
  ))

// 1. Open a session for the visitor. Names nobody.
let relay = try await client.relays.create(claimType: claimType)
// 2. Buy a pass. Names you, but not the visitor; the only call that is billed.
let pass = try await client.relays.issuePrivacyPass(claimType: claimType)
try await visitorVerifies(relay.relayToken)
// 3. Redeem the pass for the claim. Names nobody.
let answer = try await client.relays.generateClaim(
  relayToken: relay.relayToken,
  relaySecret: relay.relaySecret,
  privacyPassToken: pass.privacyPassToken,
  claimType: claimType)
print(answer.claim?.passed == true ? "passed" : "failed")

/// In life the visitor does this in a browser, on Persona's page; here the sandbox is told.
func visitorVerifies(_ relayToken: String) async throws {
  var request = URLRequest(url: URL(string: "\(baseURL)/_sandbox/relays/\(relayToken)/finish")!)
  request.httpMethod = "POST"
  request.setValue("application/json", forHTTPHeaderField: "content-type")
  request.httpBody = Data(#"{"result": "passed"}"#.utf8)
  let (_, response) = try await URLSession.shared.data(for: request)
  guard (response as? HTTPURLResponse)?.statusCode == 200 else {
    fatalError("the sandbox refuses: \(response)")
  }
}

// What is logged shows no secret; what is stored keeps every value.

import Foundation
import Testing

@testable import RelayPass

@Suite struct RedactionTests {
  @Test func resultsShowAllButTheirSecrets() async throws {
    let sandbox = try Sandbox()
    let client = try sandbox.client(store: MapStore())
    let relay = try await client.relays.create(claimType: claimType)
    let pass = try await client.relays.issuePrivacyPass(claimType: claimType)
    try await sandbox.finish(relay.relayToken)
    let generated = try await client.relays.generateClaim(
      relayToken: relay.relayToken, relaySecret: relay.relaySecret,
      privacyPassToken: pass.privacyPassToken)
    let started = try await client.verifications.start(claimType: claimType)

    expectHidden([relay.relaySecret, relay.relaySessionAccessToken], in: relay)
    expectHidden([pass.privacyPassToken], in: pass)
    expectHidden([generated.claimPayload], in: generated)
    expectHidden([started.sessionAccessToken!, started.hostedURL!], in: started)
    #expect(shown(relay).contains(relay.requestID!))
    #expect(shown(generated).contains("tokenConsumed: true"))
    #expect(shown(started).contains(started.id))
    #expect("\(relay)".hasPrefix("Relay(relayToken: "))
    #expect("\(relay)".contains("relaySecret: [redacted]"))

    try await sandbox.visit(started.hostedURL)
    _ = try await client.verifications.complete(started.id)
    let over = try await client.verifications.get(started.id)
    #expect("\(over)".contains("sessionAccessToken: nil"))
  }

  @Test func whatIsStoredKeepsEveryValue() async throws {
    let sandbox = try Sandbox()
    let relays = try sandbox.client().relays
    let relay = try await relays.create(claimType: claimType)
    let pass = try await relays.issuePrivacyPass(claimType: claimType)
    #expect(try JSONDecoder().decode(Relay.self, from: JSONEncoder().encode(relay)) == relay)
    #expect(try JSONDecoder().decode(PrivacyPass.self, from: JSONEncoder().encode(pass)) == pass)
  }

  @Test func aKeyShowsItsPublicHalfOnly() async throws {
    let key = try await EncryptionKey.generate()
    let secret = String(key.privateKeyPEM.split(separator: "\n")[3])
    expectHidden([secret], in: key)
    expectHidden([secret], in: KeyMaterial.pair(key))
    expectHidden([secret], in: KeyMaterial.pem(key.privateKeyPEM))
    #expect(shown(key).contains("PUBLIC KEY"))
    #expect(try EncryptionKey(pem: key.privateKeyPEM) == key)
    let named = try EncryptionKey(
      jwk: key.privateJWK.replacingOccurrences(of: "{", with: "{\"kid\":\"2026-11\","))
    #expect(named.privateJWK.contains("2026-11") && named == key)
    expectHidden(["2026-11", String(key.privateJWK.suffix(200).prefix(100))], in: named)
  }

  @Test func optionsAndClientShowNoKeyNoProxyAndNoSecret() async throws {
    let key = try await EncryptionKey.generate()
    let options = RelayPassOptions(
      apiKey: "persona_sandbox_canary",
      anonymousProxy: "http://user:canary@127.0.0.1:1",
      identifiedProxy: "http://user:canary@127.0.0.1:1",
      decryptionKey: .pair(key),
      store: .custom(MapStore()),
      sealKeys: [Data("canarycanarycanarycanarycanary32".utf8)])
    let client = try RelayPass(options)
    let secret = String(key.privateKeyPEM.split(separator: "\n")[3])
    let bytes = Data("canary".utf8).map { "\($0)" }.joined(separator: ", ")
    for value in [
      options, client, client.relays, client.verifications, client.passes,
      StoreSource.url("postgres://user:canary@h/db"),
    ] as [Any] {
      expectHidden(["canary", secret, bytes], in: value)
    }
    #expect(shown(client).contains("sandbox"))
  }

  @Test func anErrorShowsNoPayloadAndNoKey() {
    let error = RelayPassError(
      code: .outcomeUnknown, message: "lost", claimPayload: "canary", idempotencyKey: "canary",
      cause: OwnError())
    expectHidden(["canary"], in: error)
    expectHidden(["canary"], in: error as NSError)
    #expect(error.claimPayload == "canary" && error.idempotencyKey == "canary")
  }

  @Test func aRecordDoesNotShowItsValue() {
    let record = StoreRecord(value: Data("canary".utf8), version: 1, dueAt: 2, expiresAt: nil)
    expectHidden(["canary", "99, 97, 110", "63616e"], in: record)
    #expect("\(record)" == "StoreRecord(value: [redacted], version: 1, dueAt: 2, expiresAt: nil)")
  }

  private func expectHidden(
    _ secrets: [String], in value: Any, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for secret in secrets {
      #expect(!secret.isEmpty && !shown(value).contains(secret), sourceLocation: sourceLocation)
    }
  }
}

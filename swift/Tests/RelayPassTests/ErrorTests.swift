// Every code has its case, and an error says all it knows except secrets.

import Foundation
import Testing

import func RelayPassGenerated.exampleFailures
import func RelayPassGenerated.panic

@testable import RelayPass

@Suite struct ErrorTests {
  @Test func everyCodeOfTheCoreHasOneCase() {
    let cases: [(String, (RelayPassError) -> Bool)] = [
      ("invalid_argument", { if case .invalidArgument = $0 { true } else { false } }),
      ("authentication", { if case .authentication = $0 { true } else { false } }),
      ("permission_denied", { if case .permissionDenied = $0 { true } else { false } }),
      ("not_found", { if case .notFound = $0 { true } else { false } }),
      ("conflict", { if case .conflict = $0 { true } else { false } }),
      ("unprocessable", { if case .unprocessable = $0 { true } else { false } }),
      ("rate_limited", { if case .rateLimited = $0 { true } else { false } }),
      ("server_error", { if case .serverError = $0 { true } else { false } }),
      ("timeout", { if case .timeout = $0 { true } else { false } }),
      ("network", { if case .network = $0 { true } else { false } }),
      ("protocol", { if case .protocolViolation = $0 { true } else { false } }),
      ("pass_rejected", { if case .passRejected = $0 { true } else { false } }),
      ("pass_expired", { if case .passExpired = $0 { true } else { false } }),
      ("decryption", { if case .decryption = $0 { true } else { false } }),
      ("claim_mismatch", { if case .claimMismatch = $0 { true } else { false } }),
      ("store", { if case .store = $0 { true } else { false } }),
      ("outcome_unknown", { if case .outcomeUnknown = $0 { true } else { false } }),
      ("closed", { if case .closed = $0 { true } else { false } }),
      ("cancelled", { if case .cancelled = $0 { true } else { false } }),
      ("internal", { if case .internal = $0 { true } else { false } }),
    ]
    let errors = exampleFailures().map { RelayPassError($0, cause: nil) }
    #expect(errors.map(\.code) == cases.map(\.0))
    for (error, (code, isItsCase)) in zip(errors, cases) {
      #expect(isItsCase(error), "\(code)")
      #expect(error.operation == "example")
      #expect(!error.retryable)
      #expect(error.message.contains("an example of \(code)"))
      #expect("\(error)" == error.message)
      #expect((error as any Error).localizedDescription == error.message)
      #expect(error.status == nil && error.title == nil && error.details == nil)
      #expect(error.meta == nil && error.requestID == nil && error.rateLimit == nil)
      #expect(error.claimPayload == nil && error.tokenConsumed == nil)
      #expect(error.idempotencyKey == nil)
    }
  }

  @Test func aPanicIsAnInternalErrorThatDoesNotRepeatIt() async {
    let error = await thrown {
      try await call { number, _ in try await panic(number: number) }
    }
    #expect(code(of: error) == "internal")
    #expect(!shown(error!).contains("canary"))
  }

  @Test func anUnknownCodeIsAnErrorTooWithItsCode() {
    let error = RelayPassError(.init(code: "of_the_future", message: "new", status: 418))
    guard case .other(let failure) = error else { return #expect(Bool(false), "\(error)") }
    #expect(failure.code == "of_the_future")
    #expect(error.status == 418)
  }

  @Test func anErrorCarriesWhatPersonaSaid() async throws {
    let sandbox = try Sandbox()
    let client = try RelayPass(.init(apiKey: "persona_production_canary", baseURL: sandbox.url))
    let error = await thrown { try await client.relays.issuePrivacyPass(claimType: claimType) }
    guard case .authentication(let failure) = error as? RelayPassError else {
      return #expect(Bool(false), "\(String(describing: error))")
    }
    #expect(failure.status == 401)
    #expect(failure.operation == "relays.issue_privacy_pass")
    #expect(failure.title?.isEmpty == false)
    #expect(failure.requestID?.hasPrefix("req_") == true)
    #expect(!shown(error!).contains("canary"))
  }

  @Test func aBrokenWayToPersonaHasItsCause() async throws {
    let client = try RelayPass(.init(baseURL: "http://127.0.0.1:1", retries: 0))
    let error = await thrown { try await client.relays.create(claimType: claimType) }
    #expect(code(of: error) == "network")
    let cause = try #require((error as? RelayPassError)?.cause as? NativeCause)
    #expect(!cause.message.isEmpty)
  }

  @Test func aWrongOptionIsSaidWithoutShowingIt() async {
    let options = [
      RelayPassOptions(apiKey: "canary canary"),
      RelayPassOptions(store: "canary://u:canary@h"),
      RelayPassOptions(decryptionKey: .pem("canary")),
      RelayPassOptions(anonymousProxy: "canary://u:canary@h"),
    ]
    for option in options {
      let error = await thrown { try RelayPass(option) }
      #expect(code(of: error) == "invalid_argument")
      #expect((error as? RelayPassError)?.cause == nil)
      #expect(!shown(error!).contains("canary"), "\(error!)")
    }
  }

  @Test func aClaimThatDoesNotOpenIsNotLostAndDoesNotShow() async throws {
    let sandbox = try Sandbox()
    let (right, wrong) = (try await EncryptionKey.generate(), try await EncryptionKey.generate())
    let relays = try sandbox.client().relays
    let relay = try await relays.create(claimType: claimType, encryptionKey: .pair(right))
    let pass = try await relays.issuePrivacyPass(claimType: claimType)
    try await sandbox.finish(relay.relayToken)
    let error = await thrown {
      try await relays.generateClaim(
        relayToken: relay.relayToken, relaySecret: relay.relaySecret,
        privacyPassToken: pass.privacyPassToken, decryptionKey: .pair(wrong))
    }
    let lost = try #require(error as? RelayPassError)
    #expect(lost.code == "decryption")
    #expect(lost.tokenConsumed == true)
    let payload = try #require(lost.claimPayload)
    let claim = try openClaim(
      claimPayload: payload, decryptionKey: .pair(right), claimType: claimType)
    #expect(claim.passed)
    #expect(!shown(lost).contains(payload.prefix(40)))
    #expect(code(of: await thrown { try openClaim(claimPayload: payload) }) != nil)
    let again = await thrown {
      try openClaim(claimPayload: payload, decryptionKey: .pem(wrong.privateKeyPEM))
    }
    #expect(code(of: again) == "decryption")
  }

  @Test func aLostAnswerIsAskedForAgainWithTheErrorsKey() async throws {
    let sandbox = try Sandbox()
    var options = sandbox.options()
    options.retries = 0
    let relays = try RelayPass(options).relays
    let relay = try await relays.create(claimType: claimType)
    let pass = try await relays.issuePrivacyPass(claimType: claimType)
    func redeem(_ key: String?) async throws -> GeneratedClaim {
      try await relays.generateClaim(
        relayToken: relay.relayToken, relaySecret: relay.relaySecret,
        privacyPassToken: pass.privacyPassToken, idempotencyKey: key)
    }
    let unfinished = await thrown { try await redeem(nil) } as? RelayPassError
    #expect(unfinished?.code == "permission_denied")
    #expect(unfinished?.retryable == true)
    try await sandbox.finish(relay.relayToken)
    try await sandbox.faults(["step": "redeem", "fault": "drop_after_commit"])
    let lost = await thrown { try await redeem(unfinished?.idempotencyKey) } as? RelayPassError
    #expect(lost?.code == "outcome_unknown")
    let key = try #require(lost?.idempotencyKey)
    #expect(!shown(lost!).contains(key))
    #expect(try await redeem(key).claim?.passed == true)
  }
}

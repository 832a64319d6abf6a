// An error says all it knows except secrets.

import Foundation
import Testing

import func RelayPassGenerated.exampleFailures
import func RelayPassGenerated.panic

@testable import RelayPass

@Suite struct ErrorTests {
  @Test func anExampleOfEveryCodeSaysAllItKnows() {
    let errors = exampleFailures().map { RelayPassError($0, cause: nil) }
    #expect(!errors.isEmpty && Set(errors.map(\.code)).count == errors.count)
    for error in errors {
      #expect(error.operation == "example")
      #expect(!error.retryable)
      #expect(error.message.contains("an example of \(error.code)"))
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
    #expect((error as? RelayPassError)?.code == .internalError)
    #expect(!shown(error!).contains("canary"))
  }

  @Test func aCodeIsThePatternOfACatch() {
    func kind(of error: any Error) -> String {
      do {
        throw error
      } catch RelayPassError.Code.notFound {
        return "not found"
      } catch let error as RelayPassError where error.code == .timeout {
        return "timeout"
      } catch {
        return "another"
      }
    }
    #expect(kind(of: RelayPassError(code: .notFound, message: "")) == "not found")
    #expect(kind(of: RelayPassError(code: .timeout, message: "")) == "timeout")
    #expect(kind(of: RelayPassError(code: .init(rawValue: "of_the_future"), message: "")) == "another")
    #expect(kind(of: OwnError()) == "another")
  }

  @Test func anErrorCarriesWhatPersonaSaid() async throws {
    let sandbox = try Sandbox()
    let client = try RelayPass(.init(apiKey: "persona_production_canary", baseURL: sandbox.url))
    let error = await thrown { try await client.relays.issuePrivacyPass(claimType: claimType) }
    let failure = try #require(error as? RelayPassError)
    #expect(failure.code == .authentication)
    #expect(failure.status == 401)
    #expect(failure.operation == "relays.issue_privacy_pass")
    #expect(failure.title?.isEmpty == false)
    #expect(failure.requestID?.hasPrefix("req_") == true)
    #expect(!shown(error!).contains("canary"))
  }

  @Test func anArgumentThatIsRefusedNamesTheCall() async throws {
    let client = try RelayPass(.init())
    let errors = await [
      "relays.create": thrown { try await client.relays.create(claimType: claimType, timeout: .zero) },
      "verifications.get": thrown { try await client.verifications.get("no id") },
      "passes.count": thrown { try await client.passes.count(claimType: "") },
      "generate_key_pair": thrown { try await EncryptionKey.generate(bits: 1) },
      "read_key_pair": thrown { try EncryptionKey(pem: "") },
    ]
    for (name, error) in errors {
      let failure = try #require(error as? RelayPassError)
      #expect(failure.code == .invalidArgument)
      #expect(failure.operation == name)
    }
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
    #expect(lost.code == .decryption)
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
    #expect(unfinished?.code == .permissionDenied)
    #expect(unfinished?.retryable == true)
    try await sandbox.finish(relay.relayToken)
    try await sandbox.faults(["step": "redeem", "fault": "drop_after_commit"])
    let lost = await thrown { try await redeem(unfinished?.idempotencyKey) } as? RelayPassError
    #expect(lost?.code == .outcomeUnknown)
    let key = try #require(lost?.idempotencyKey)
    #expect(!shown(lost!).contains(key))
    #expect(try await redeem(key).claim?.passed == true)
  }
}

// Everything that code of yours gets from relaypass can be made by hand, for tests of that code. As
// from another package: without @testable.

import Foundation
import RelayPass
import Testing

@Suite struct HandmadeTests {
  private let rateLimit = RateLimit(limit: 300, remaining: 299, resetSeconds: 60)
  private let claim = Claim(
    claimType: "age_over18_verified", claimResult: "passed", passed: true,
    methodology: [Claim.Method(method: "document_selfie", result: "passed")])

  @Test func theResultsOfTheThreeSteps() {
    let relay = Relay(
      relayToken: "token", relaySecret: "secret", relaySessionAccessToken: "jwt",
      requestID: "req_1", rateLimit: rateLimit)
    #expect(relay.relaySecret == "secret" && relay.rateLimit == rateLimit)
    #expect(
      Relay(relayToken: "token", relaySecret: "secret", relaySessionAccessToken: "jwt").requestID
        == nil)
    #expect(PrivacyPass(privacyPassToken: "pass").privacyPassToken == "pass")
    let generated = GeneratedClaim(claimPayload: "{}", tokenConsumed: true, claim: claim)
    #expect(generated.claim?.methodology.first?.method == "document_selfie")
  }

  @Test func verifications() throws {
    let verification = Verification(
      id: "1", claimType: "age_over18_verified", status: .pending,
      hostedURL: "https://example.com", expiresAt: Date(timeIntervalSince1970: 0))
    #expect(verification.status == .pending && verification.claim == nil)
    #expect(Completion.passed(claim).claim == claim)
    #expect(Completion.failed(claim).status == .failed)
    #expect([Completion.pending, .expired].map(\.status) == [.pending, .expired])
  }

  @Test func errorsAndEvents() {
    let cause = NativeCause(message: "refused", causes: ["no route"])
    let error = RelayPassError(
      code: .rateLimited, message: "slow down", operation: "relays.create", retryable: true,
      status: 429, rateLimit: rateLimit, cause: cause)
    #expect(error.code == .rateLimited && error.rateLimit?.remaining == 299)
    #expect((error.cause as? NativeCause)?.causes == ["no route"])
    let event = RelayPassEvent(kind: .keyChanged, message: "Persona signs with another key.")
    #expect(event.kind == .keyChanged && event.verificationID == nil)
  }

  @Test func whatACheckOfAStoreFound() {
    #expect(StoreReport(passed: ["order"]).skipped.isEmpty)
    #expect(StoreViolation(rule: "order", found: "chaos").found == "chaos")
  }
}

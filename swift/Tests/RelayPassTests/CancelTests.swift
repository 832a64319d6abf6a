// Taking calls back: by the task's cancellation and by time.

import Foundation
import Testing

@testable import RelayPass
import enum RelayPassGenerated.CallError
import class RelayPassGenerated.NativeClient
import func RelayPassGenerated.announceCall
import func RelayPassGenerated.cancelCall

@Suite struct CancelTests {
  @Test func aCancelledCallThrowsCancellationErrorAndHangsUp() async throws {
    let server = try SilentServer()
    let client = try RelayPass(.init(baseURL: server.url))
    let call = Task { try await client.relays.create(claimType: claimType) }
    try await server.asked.opened()
    call.cancel()
    #expect(await thrown { try await call.value } is CancellationError)
    try await server.left.opened()
  }

  @Test func inATaskThatIsCancelledAlreadyNothingIsCalled() async throws {
    let sandbox = try Sandbox()
    let store = MapStore()
    let client = try sandbox.client(store: store)
    let begin = Gate()
    let call = Task {
      await begin.pass()
      for action in [
        { _ = try await client.relays.create(claimType: claimType) },
        { _ = try await client.relays.issuePrivacyPass(claimType: claimType) },
        { _ = try await client.verifications.recover() },
      ] as [@Sendable () async throws -> Void] {
        #expect(await thrown { try await action() } is CancellationError)
      }
    }
    call.cancel()
    await begin.open()
    await call.value
    #expect(try await sandbox.get("requests")["requests"] == .array([]))
    #expect(await store.counts == [0, 0, 0])
  }

  @Test(arguments: StoreMethod.allCases)
  func aCancelledCallCancelsTheStoreThatItWaitsFor(_ method: StoreMethod) async throws {
    let called = Gate()
    let cancelled = Gate()
    let store = method.store {
      await called.open()
      do {
        try await Task.sleep(for: .seconds(3_600))
      } catch {
        await cancelled.open()
      }
      throw OwnError()
    }
    let client = try Sandbox().client(store: store)
    let call = Task { try await method.reach(client) }
    try await called.opened()
    call.cancel()
    #expect(await thrown { try await call.value } is CancellationError)
    try await cancelled.opened()
  }

  @Test func anOutcomeThatIsThereIsGivenAlthoughCancelled() async throws {
    let options = RelayPassOptions(apiKey: "persona_sandbox_x").native
    let client = try NativeClient.open(options: options)
    let number = UInt64.max // no other test's
    announceCall(number: number)
    cancelCall(number: number)
    try await client.closeClient(isCalledBack: false, number: number, timeout: .nan)
  }

  @Test func aCallThatIsCancelledBeforeItBeginsToWaitEnds() async throws {
    let store = StoreOf(onLoad: { _ in
      try await Task.sleep(for: .seconds(3_600))
      return nil
    })
    let options = RelayPassOptions(apiKey: "persona_sandbox_x", store: .custom(store)).native
    let client = try NativeClient.open(options: options)
    let (number, id) = (UInt64.max - 1, UUID().uuidString.lowercased())
    announceCall(number: number)
    cancelCall(number: number)
    let error = await thrown {
      try await client.getVerification(arguments: .init(id: id, theme: nil), number: number, timeout: .nan)
    }
    var cancelled = false
    if case .Cancelled? = error as? CallError { cancelled = true }
    #expect(cancelled, "\(error as Any)")
  }

  @Test func aCancelledRedemptionIsAskedForAgainUnderItsKey() async throws {
    let sandbox = try Sandbox()
    let relays = try sandbox.client().relays
    let relay = try await relays.create(claimType: claimType)
    let pass = try await relays.issuePrivacyPass(claimType: claimType)
    try await sandbox.finish(relay.relayToken)
    let key = UUID().uuidString.lowercased()
    @Sendable func redeem() async throws -> GeneratedClaim {
      try await relays.generateClaim(
        relayToken: relay.relayToken, relaySecret: relay.relaySecret,
        privacyPassToken: pass.privacyPassToken, idempotencyKey: key)
    }
    try await sandbox.faults(["step": "redeem", "fault": "delay", "milliseconds": .number(60_000)])
    let call = Task { try await redeem() }
    try await eventually("the pass is redeemed") {
      (try? await sandbox.ledger("redeemed")) == [1]
    }
    call.cancel()
    #expect(await thrown { try await call.value } is CancellationError)
    #expect(try await redeem().claim?.passed == true)
    #expect(try await sandbox.ledger("redeemed", "double_spends") == [1, 0])
  }

  @Test func timeoutLimitsOneCallAndTheClientsOwnEveryRequest() async throws {
    let server = try SilentServer()
    let patient = try RelayPass(.init(baseURL: server.url, timeout: .seconds(60)))
    let one = await thrown {
      try await patient.relays.create(claimType: claimType, timeout: .milliseconds(50))
    }
    #expect(code(of: one) == "timeout")
    let hasty = try RelayPass(
      .init(baseURL: server.url, timeout: .milliseconds(50), retries: 0))
    let other = await thrown { try await hasty.relays.create(claimType: claimType) }
    #expect(code(of: other) == "timeout")
  }

  @Test func aTimeoutThatIsNoTimeIsAnInvalidArgument() async throws {
    let client = try RelayPass()
    for timeout in [Duration.zero, .seconds(-1), .seconds(86_400)] {
      let error = await thrown {
        try await client.relays.create(claimType: claimType, timeout: timeout)
      }
      #expect(code(of: error) == "invalid_argument")
    }
  }
}

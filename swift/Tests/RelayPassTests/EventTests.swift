// onEvent: it is told, and it cannot do harm.

import Foundation
import Testing

@testable import RelayPass

@Suite struct EventTests {
  /// A person who has not finished is asked about twice.
  private func askTwice(
    _ onEvent: @escaping @Sendable (RelayPassEvent) throws -> Void
  ) async throws -> String {
    let sandbox = try Sandbox()
    var options = sandbox.options(store: MapStore())
    options.onEvent = onEvent
    let verifications = try RelayPass(options).verifications
    let started = try await verifications.start(claimType: claimType)
    #expect(try await verifications.complete(started.id) == .pending)
    #expect(try await verifications.complete(started.id) == .pending)
    return started.id
  }

  @Test func anEventSaysWhatHappenedToWhichVerification() async throws {
    let events = Locked<[RelayPassEvent]>([])
    let id = try await askTwice { event in events.withLock { $0.append(event) } }
    let pending = events.withLock { $0 }.filter { $0.kind == .pending }
    #expect(!pending.isEmpty)
    for event in pending {
      #expect(event.verificationID == id)
      #expect(event.requestID?.hasPrefix("req_") == true)
      #expect(event.message.split(separator: " ").count > 1)
    }
  }

  @Test func aListenerThatThrowsCostsNothing() async throws {
    let told = Locked(0)
    _ = try await askTwice { _ in
      told.withLock { $0 += 1 }
      throw OwnError()
    }
    #expect(told.withLock { $0 } >= 1)
  }
}

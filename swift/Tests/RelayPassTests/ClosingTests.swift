// Closing: what is under way ends first, and nobody waits for himself.

import Foundation
import Testing

@testable import RelayPass

@Suite struct ClosingTests {
  private func signsLate(_ sandbox: Sandbox) async throws {
    try await sandbox.faults([
      "step": .string("sign"), "fault": .string("delay"), "milliseconds": .number(300),
    ])
  }

  @Test func itFinishesAPurchaseAndLeavesTheStoreAlone() async throws {
    let sandbox = try Sandbox()
    try await signsLate(sandbox)
    let store = MapStore()
    let client = try sandbox.client(store: store)
    _ = try await client.verifications.start(claimType: claimType)
    try await client.close()
    #expect(try await sandbox.ledger("billed") == [1])
    let counts = await store.counts
    try await Task.sleep(for: .milliseconds(200))
    #expect(await store.counts == counts)
    let error = await thrown { try await client.passes.count(claimType: claimType) }
    #expect((error as? RelayPassError)?.code == .closed)
  }

  @Test func aStoreThatHangsIsWaitedForNoLongerThanSaid() async throws {
    let sandbox = try Sandbox()
    let called = Gate()
    let goOn = Gate()
    let store = StoreOf(onScan: { _, _, _ in
      await called.open()
      await goOn.pass()
      return []
    })
    let client = try sandbox.client(store: store)
    let recovering = Task { try await client.verifications.recover() }
    try await called.opened()
    let error = await thrown { try await client.close(timeout: .milliseconds(200)) }
    #expect((error as? RelayPassError)?.code == .timeout)
    #expect((error as? RelayPassError)?.operation == "close")
    await goOn.open()
    // It takes up nothing more, and the store is called no more.
    #expect(try await recovering.value == 0)
    try await client.close()
  }

  @Test func aStoreMayCloseItsClient() async throws {
    let sandbox = try Sandbox()
    let own = Locked<RelayPass?>(nil)
    let store = StoreOf(onScan: { _, _, _ in
      try await own.withLock { $0 }?.close()
      return []
    })
    let client = try sandbox.client(store: store)
    own.withLock { $0 = client }
    // A close that waited for itself would throw when its time is up, and the scan with it.
    #expect(try await client.verifications.recover() == 0)
    try await client.close()
    own.withLock { $0 = nil }
  }

  @Test func itClosesInATaskThatIsCancelledAlready() async throws {
    let sandbox = try Sandbox()
    try await signsLate(sandbox)
    let client = try sandbox.client(store: MapStore())
    _ = try await client.verifications.start(claimType: claimType)
    let begin = Gate()
    let closing = Task {
      await begin.pass()
      try await client.close()
    }
    closing.cancel()
    await begin.open()
    try await closing.value
    #expect(try await sandbox.ledger("billed") == [1])
  }

  @Test func severalMayCloseAtOnce() async throws {
    let sandbox = try Sandbox()
    try await signsLate(sandbox)
    let client = try sandbox.client(store: MapStore())
    _ = try await client.verifications.start(claimType: claimType)
    async let one: Void = client.close()
    async let other: Void = client.close()
    _ = try await (one, other)
    #expect(try await sandbox.ledger("billed") == [1])
  }
}

// What crossing between Swift and Rust could break.

import Foundation
import Testing

@testable import RelayPass
import func RelayPassGenerated.uniffiForeignFutureHandleCountRelaypassFfi

@Suite struct BindingTests {
  @Test func clientAndStoreAreDroppedWhileACallIsPending() async throws {
    let called = Gate()
    let gate = Gate()
    weak var store: WaitingStore?
    weak var client: RelayPass?
    let call: Task<Void, any Error>
    do {
      let (held, open) = try make(called, gate)
      (store, client) = (held, open)
      call = Task { [verifications = open.verifications] in
        _ = try await verifications.get(UUID().uuidString.lowercased())
      }
    }
    try await called.opened()
    #expect(client == nil, "a call holds only what it needs of it")
    #expect(store != nil, "the native client holds it")
    await gate.open()
    #expect(code(of: await thrown { try await call.value }) == "not_found")
    try await eventually("the store is freed") { store == nil }
  }

  private func make(_ called: Gate, _ gate: Gate) throws -> (WaitingStore, RelayPass) {
    let store = WaitingStore(called, gate)
    return (store, try RelayPass(.init(apiKey: "persona_sandbox_x", store: .custom(store))))
  }

  private final class WaitingStore: RelayStore {
    private let (called, gate): (Gate, Gate)

    init(_ called: Gate, _ gate: Gate) {
      (self.called, self.gate) = (called, gate)
    }

    func load(_ key: String) async -> StoreRecord? {
      await called.open()
      await gate.pass()
      return nil
    }

    func compareAndSwap(
      _ key: String, expected: UInt64?, new: StoreRecord?
    ) async -> Bool { false }

    func scan(prefix: String, dueBefore: UInt64?, limit: Int) async -> [String] { [] }
  }

  @Test func aClientThatIsDroppedFreesItsStoreAndListener() async throws {
    weak var store: MapStore?
    weak var listener: Flag?
    do {
      let (held, told) = (MapStore(), Flag())
      (store, listener) = (held, told)
      let client = try RelayPass(
        .init(
          apiKey: "persona_sandbox_x", store: .custom(held), background: true,
          onEvent: { _ in Task { await told.set(true) } }))
      #expect(try await client.passes.count(claimType: claimType) == 0)
    }
    try await eventually("both are freed") { store == nil && listener == nil }
  }

  @Test func manyClientsAreDroppedWithCallsInFlight() async throws {
    let server = try SilentServer()
    let calls = try (1...32).map { _ in
      let client = try RelayPass(.init(baseURL: server.url, retries: 0))
      return Task { [relays = client.relays] in
        try await relays.create(claimType: claimType, timeout: .milliseconds(500))
      }
    }
    for call in calls {
      #expect(code(of: await thrown { try await call.value }) == "timeout")
    }
  }

  @Test func sixtyFourTasksAtOnceGetTheirOwnErrors() async throws {
    let store = StoreOf(onLoad: { key in
      try await Task.sleep(for: .milliseconds(.random(in: 0...5)))
      throw Named(key: key)
    })
    let client = try RelayPass(.init(apiKey: "persona_sandbox_x", store: .custom(store)))
    await withTaskGroup(of: Void.self) { group in
      for _ in 1...64 {
        group.addTask {
          for _ in 1...10 {
            let id = UUID().uuidString.lowercased()
            let error = await thrown { try await client.verifications.get(id) } as? RelayPassError
            #expect((error?.cause as? Named)?.key.hasSuffix(id) == true)
          }
        }
      }
    }
  }

  private struct Named: Error {
    let key: String
  }

  /// Other tests run meanwhile: the bounds leave room for them, and none for a leak in every call.
  @Test(arguments: ["refused", "store", "throws"])
  func tenThousandCallsLeaveNothingBehind(_ what: String) async throws {
    let own = OwnError()
    let store = StoreOf(onLoad: { _ in if what == "throws" { throw own } else { nil } })
    let client = try RelayPass(.init(apiKey: "persona_sandbox_x", store: .custom(store)))
    func calls(_ count: Int) async throws {
      for _ in 1...count {
        switch what {
        case "refused":
          let error = await thrown { _ = try await client.verifications.get("no id") }
          #expect(code(of: error) == "not_found")
        default:
          let code = what == "throws" ? RelayPassError.Code.store : .notFound
          do {
            try await StoreMethod.load.reach(client)
          } catch let error as RelayPassError where error.code == code {}
        }
      }
    }
    try await calls(2_000)
    let before = try residentKilobytes()
    try await calls(10_000)
    let grown = try residentKilobytes() - before
    #expect(grown < 40_000, "\(grown) kB")
    #expect(Calls.count < 1_000, "calls in the table")
    #expect(uniffiForeignFutureHandleCountRelaypassFfi() < 1_000, "calls of stores in the table")
    print("memory: swift \(what) 10000 calls, \(grown) kB more")
  }

  /// 0 where there is no /proc.
  private func residentKilobytes() throws -> Int {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else {
      return 0
    }
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return Int(line!.filter(\.isNumber))!
  }

  @Test func whatAStoreThrowsInTheBackgroundIsKeptByNobody() {
    #expect(Calls.keep(OwnError(), in: 0) == 0)
    #expect(Calls.keep(OwnError(), in: .max) == 0)
  }
}

// checkStore: it lets good stores pass, and says of bad ones what is wrong.

import Foundation
import RelayPass
import Testing

@Suite struct CheckStoreTests {
  @Test func aGoodStorePassesAndNothingIsLeftInIt() async throws {
    let store = MapStore()
    let report = try await checkStore(store)
    #expect(report.passed.count > 5)
    #expect(report.skipped == ["reopening"])
    #expect(await store.records.isEmpty)
    let reopened = try await checkStore(later(store), reopen: { store })
    #expect(reopened.skipped.isEmpty)
    #expect(reopened.passed.contains("reopening"))
  }

  @Test(arguments: Fear.all)
  func aBrokenStoreIsFoundOut(_ fear: Fear) async throws {
    let violation = await thrown(by: { try await checkStore(fear.make(MapStore())) })
    let found = try #require(violation as? StoreViolation)
    #expect(fear.rule.isEmpty || found.rule.contains(fear.rule), "\(found)")
    #expect(found.description.contains(found.rule) && found.description.contains(found.found))
    #expect(found.cause == nil)
  }

  @Test(arguments: StoreMethod.allCases)
  func whatAStoreThrowsIsTheCauseTheSameObject(_ method: StoreMethod) async throws {
    let own = OwnError()
    let error = await thrown(by: { try await checkStore(method.store { throw own }) })
    let violation = try #require(error as? StoreViolation)
    #expect(violation.cause as? OwnError === own)
    #expect(violation.found.contains(method.rawValue))
  }

  @Test func reopenThatThrowsIsTheCause() async throws {
    let own = OwnError()
    let store = MapStore()
    let error = await thrown(by: { try await checkStore(store, reopen: { throw own }) })
    #expect((error as? StoreViolation)?.cause as? OwnError === own)
  }
}

struct Fear: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let rule: String
  let make: @Sendable (MapStore) -> StoreOf

  init(_ fear: String, _ rule: String, _ make: @escaping @Sendable (MapStore) -> StoreOf) {
    testDescription = "a store that \(fear)"
    self.rule = rule
    self.make = make
  }

  static let all: [Fear] = [
    Fear(
      "swaps whatever is there", "refused",
      { store in
        StoreOf(
          base: store,
          onSwap: { key, expected, new in
            if new == nil { return await store.compareAndSwap(key, expected: expected, new: new) }
            await store.change(key, to: new!)
            return true
          })
      }),
    Fear(
      "answers before it has written", "",
      { store in
        StoreOf(
          base: store,
          onSwap: { key, expected, new in
            Task {
              try await Task.sleep(for: .milliseconds(5))
              _ = await store.compareAndSwap(key, expected: expected, new: new)
            }
            return true
          })
      }),
    Fear(
      "compares keys without case", "",
      { store in
        StoreOf(
          onLoad: { await store.load($0.lowercased()) },
          onSwap: { await store.compareAndSwap($0.lowercased(), expected: $1, new: $2) },
          onScan: { await store.scan(prefix: $0.lowercased(), dueBefore: $1, limit: $2) })
      }),
    Fear(
      "returns more than the limit", "limit",
      { store in
        StoreOf(
          base: store,
          onScan: { prefix, due, _ in
            await store.scan(prefix: prefix, dueBefore: due, limit: .max)
          })
      }),
    Fear(
      "scans in the wrong order", "order",
      { store in
        StoreOf(
          base: store,
          onScan: { await store.scan(prefix: $0, dueBefore: $1, limit: $2).reversed() })
      }),
    Fear(
      "drops dueAt", "",
      { store in
        StoreOf(
          base: store,
          onLoad: { key in
            var found = await store.load(key)
            found?.dueAt = nil
            return found
          })
      }),
    Fear(
      "cuts values at a zero", "",
      { store in
        StoreOf(
          base: store,
          onLoad: { key in
            var found = await store.load(key)
            if let value = found?.value { found?.value = Data(value.prefix { $0 != 0 }) }
            return found
          })
      }),
  ]
}

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

  @Test(arguments: Fear.allCases)
  func aBrokenStoreIsFoundOut(_ fear: Fear) async throws {
    let violation = await thrown(by: { try await checkStore(fear.store(on: MapStore())) })
    let found = try #require(violation as? StoreViolation)
    if let rule = fear.rule { #expect(found.rule.contains(rule), "\(found)") }
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

/// What a store may do wrong.
enum Fear: CaseIterable, Sendable {
  case swapsWhateverIsThere
  case answersBeforeItHasWritten
  case comparesKeysWithoutCase
  case returnsMoreThanTheLimit
  case scansInTheWrongOrder
  case dropsDueAt
  case cutsValuesAtAZero

  /// Words of the rule that it breaks first; `nil`: which one is first is chance.
  var rule: String? {
    switch self {
    case .swapsWhateverIsThere: "must be refused when a record is there"
    case .answersBeforeItHasWritten: nil
    case .dropsDueAt: "must come back exactly"
    case .comparesKeysWithoutCase: "compared byte for byte"
    case .returnsMoreThanTheLimit: "up to the limit"
    case .scansInTheWrongOrder: "in their order"
    case .cutsValuesAtAZero: "any bytes, zero included"
    }
  }

  func store(on map: MapStore) -> StoreOf {
    var store = StoreOf(base: map)
    switch self {
    case .swapsWhateverIsThere:
      store.onSwap = { key, expected, new in
        guard let new else { return await map.compareAndSwap(key, expected: expected, new: nil) }
        await map.change(key, to: new)
        return true
      }
    case .answersBeforeItHasWritten:
      store.onSwap = { key, expected, new in
        Task {
          try await Task.sleep(for: .milliseconds(5))
          _ = await map.compareAndSwap(key, expected: expected, new: new)
        }
        return true
      }
    case .comparesKeysWithoutCase:
      store.onLoad = { await map.load($0.lowercased()) }
      store.onSwap = { await map.compareAndSwap($0.lowercased(), expected: $1, new: $2) }
      store.onScan = { await map.scan(prefix: $0.lowercased(), dueBefore: $1, limit: $2) }
    case .returnsMoreThanTheLimit:
      store.onScan = { prefix, due, _ in
        await map.scan(prefix: prefix, dueBefore: due, limit: .max)
      }
    case .scansInTheWrongOrder:
      store.onScan = { await map.scan(prefix: $0, dueBefore: $1, limit: $2).reversed() }
    case .dropsDueAt:
      store.onLoad = { key in
        var found = await map.load(key)
        found?.dueAt = nil
        return found
      }
    case .cutsValuesAtAZero:
      store.onLoad = { key in
        var found = await map.load(key)
        if let value = found?.value { found?.value = Data(value.prefix { $0 != 0 }) }
        return found
      }
    }
    return store
  }
}

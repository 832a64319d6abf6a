import Foundation
import RelayPass

/// A store in a dictionary: what a person would write for a test. Counts its calls.
actor MapStore: RelayStore {
  var records: [String: StoreRecord]
  var loads = 0
  var swaps = 0
  var scans = 0

  init(records: [String: StoreRecord] = [:]) {
    self.records = records
  }

  func load(_ key: String) -> StoreRecord? {
    loads += 1
    return records[key]
  }

  func compareAndSwap(_ key: String, expected: UInt64?, new: StoreRecord?) -> Bool {
    swaps += 1
    guard records[key]?.version == expected else { return false }
    records[key] = new
    return true
  }

  func scan(prefix: String, dueBefore: UInt64?, limit: Int) -> [String] {
    scans += 1
    let found = records.filter { key, record in
      guard key.hasPrefix(prefix) else { return false }
      guard let dueBefore else { return true }
      return record.dueAt.map { $0 <= dueBefore } ?? false
    }
    let order = found.map { (dueBefore == nil ? 0 : $0.value.dueAt!, $0.key) }.sorted(by: <)
    return order.prefix(limit).map(\.1)
  }

  func change(_ key: String, to record: StoreRecord) {
    records[key] = record
  }

  var counts: [Int] { [loads, swaps, scans] }
}

/// A store that does what another does, except where a closure is given.
struct StoreOf: RelayStore {
  var base: any RelayStore = MapStore()
  var onLoad: (@Sendable (String) async throws -> StoreRecord?)?
  var onSwap: (@Sendable (String, UInt64?, StoreRecord?) async throws -> Bool)?
  var onScan: (@Sendable (String, UInt64?, Int) async throws -> [String])?

  func load(_ key: String) async throws -> StoreRecord? {
    if let onLoad { return try await onLoad(key) }
    return try await base.load(key)
  }

  func compareAndSwap(_ key: String, expected: UInt64?, new: StoreRecord?) async throws -> Bool {
    if let onSwap { return try await onSwap(key, expected, new) }
    return try await base.compareAndSwap(key, expected: expected, new: new)
  }

  func scan(prefix: String, dueBefore: UInt64?, limit: Int) async throws -> [String] {
    if let onScan { return try await onScan(prefix, dueBefore, limit) }
    return try await base.scan(prefix: prefix, dueBefore: dueBefore, limit: limit)
  }
}

/// The methods of a store, each with the shortest call that comes to it.
enum StoreMethod: String, CaseIterable, Sendable {
  case load
  case compareAndSwap
  case scan

  func reach(_ client: RelayPass) async throws {
    switch self {
    case .load: _ = try await client.verifications.get(UUID().uuidString.lowercased())
    case .compareAndSwap: _ = try await client.verifications.start(claimType: claimType)
    case .scan: _ = try await client.verifications.recover()
    }
  }

  /// A store whose one method is this; it returns only by throwing.
  func store(_ action: @escaping @Sendable () async throws -> Never) -> StoreOf {
    switch self {
    case .load: StoreOf(onLoad: { _ in try await action() })
    case .compareAndSwap: StoreOf(onSwap: { _, _, _ in try await action() })
    case .scan: StoreOf(onScan: { _, _, _ in try await action() })
    }
  }
}

/// A store that does what another does, a little later.
func later(_ store: any RelayStore) -> StoreOf {
  StoreOf(
    onLoad: { key in
      try await Task.sleep(for: .milliseconds(1))
      return try await store.load(key)
    },
    onSwap: { key, expected, new in
      try await Task.sleep(for: .milliseconds(1))
      return try await store.compareAndSwap(key, expected: expected, new: new)
    },
    onScan: { prefix, dueBefore, limit in
      try await Task.sleep(for: .milliseconds(1))
      return try await store.scan(prefix: prefix, dueBefore: dueBefore, limit: limit)
    })
}

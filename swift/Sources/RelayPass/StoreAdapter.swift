@preconcurrency internal import RelayPassGenerated

/// A store as the native library calls it.
///
/// It catches everything: an error of a kind that the library does not know would tell it nothing
/// but that there was one.
final class StoreAdapter: HostStore {
  private let store: any RelayStore
  private let keep: @Sendable (any Error, UInt64) -> UInt64

  /// - Parameter keep: Keeps what the store throws in the call of this number, and says under which
  ///   number of its own.
  init(_ store: any RelayStore, keep: @escaping @Sendable (any Error, UInt64) -> UInt64) {
    self.store = store
    self.keep = keep
  }

  func load(call: UInt64, key: String) async throws -> RelayPassGenerated.StoreRecord? {
    try await keeping(call) { try await store.load(key)?.native }
  }

  func compareAndSwap(
    call: UInt64,
    key: String,
    expected: UInt64?,
    new: RelayPassGenerated.StoreRecord?
  ) async throws -> Bool {
    try await keeping(call) {
      try await store.compareAndSwap(key, expected: expected, new: new.map(StoreRecord.init))
    }
  }

  func scan(call: UInt64, prefix: String, dueBefore: UInt64?, limit: UInt64) async throws
    -> [String]
  {
    try await keeping(call) {
      try await store.scan(prefix: prefix, dueBefore: dueBefore, limit: Int(clamping: limit))
    }
  }

  private func keeping<Answer>(
    _ call: UInt64, _ method: () async throws -> Answer
  ) async throws -> Answer {
    do {
      return try await Calls.$isCalledBack.withValue(true) { try await method() }
    } catch {
      throw HostFailure.Thrown(number: keep(error, call))
    }
  }
}

extension StoreRecord {
  fileprivate var native: RelayPassGenerated.StoreRecord {
    RelayPassGenerated.StoreRecord(
      value: value, version: version, dueAt: dueAt, expiresAt: expiresAt)
  }

  fileprivate init(_ native: RelayPassGenerated.StoreRecord) {
    self.init(
      value: native.value, version: native.version, dueAt: native.dueAt,
      expiresAt: native.expiresAt)
  }
}

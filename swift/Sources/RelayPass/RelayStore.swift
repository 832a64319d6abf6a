public import Foundation

/// What a ``RelayStore`` keeps under a key. All numbers are at most 2⁵³.
///
/// ```swift
/// row.value = record.value
/// row.dueAt = record.dueAt.map(Int64.init)
/// ```
public struct StoreRecord: Sendable, Hashable, Codable {
  /// Opaque bytes, up to 64 KiB; any byte may occur in them, zero included. Secret, unless the
  /// client has ``RelayPassOptions/sealKeys``.
  public var value: Data
  /// Set by relaypass: drawn at random, up to 2⁵², for the first record under a key, and one more
  /// with every swap; at most 2⁵³, so its column is a `bigint`.
  public var version: UInt64
  /// When somebody should look at it again, in milliseconds since the epoch; `nil`: never.
  public var dueAt: UInt64?
  /// After this time, in milliseconds since the epoch, the store may drop the record, or keep it;
  /// `nil`: the record must be kept.
  public var expiresAt: UInt64?

  /// A record as it was stored.
  public init(value: Data, version: UInt64, dueAt: UInt64?, expiresAt: UInt64?) {
    self.value = value
    self.version = version
    self.dueAt = dueAt
    self.expiresAt = expiresAt
  }
}

extension StoreRecord: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// All but the value.
  public var description: String { describe(self) }
  /// As ``description``.
  public var debugDescription: String { describe(self) }
  /// What a debugger and `dump` see: as ``description``.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "value": redact(value),
        "version": version,
        "dueAt": dueAt as Any,
        "expiresAt": expiresAt as Any,
      ],
      displayStyle: .struct)
  }
}

/// The contract between relaypass and your database: three methods. ``checkStore(_:reopen:)`` tests
/// all of what follows.
///
/// - **Keys** are 1 to 255 characters out of `A-Z a-z 0-9 - . _ ~ /`, compared byte for byte: `a`
///   and `A` are two keys, and `_` is no wildcard.
/// - **`compareAndSwap` is atomic, and durable** when it returns. Of several writers who expect the
///   same version, exactly one gets `true`.
/// - **`load` sees the latest swap**, whoever made it. No replica that lags, no cache.
/// - **Errors are errors.** A method that cannot do its work throws; it never says `nil` or `false`
///   instead. What it threw is the ``RelayPassError/cause`` of the error that the caller gets: the
///   same object.
/// - **A method may be called again** after it failed or took longer than
///   ``RelayPassOptions/storeTimeout``, and a write may still land after that.
/// - **Methods run at the same time**, with no order among them, and may call the client again.
///   Each runs in a task of its own, so the caller's task-local values are not there. The task is
///   cancelled when nobody waits for the answer any more.
///
/// A store that holds its client is never freed, nor is the client: make one of each, not one per
/// request.
///
/// ```swift
/// actor MemoryStore: RelayStore {
///   private var records: [String: StoreRecord] = [:]
///
///   func load(_ key: String) -> StoreRecord? { records[key] }
///
///   func compareAndSwap(_ key: String, expected: UInt64?, new: StoreRecord?) -> Bool {
///     guard records[key]?.version == expected else { return false }
///     records[key] = new
///     return true
///   }
///
///   func scan(prefix: String, dueBefore: UInt64?, limit: Int) -> [String] {
///     let found = records.filter { key, record in
///       guard key.hasPrefix(prefix) else { return false }
///       guard let dueBefore else { return true }
///       return record.dueAt.map { $0 <= dueBefore } ?? false
///     }
///     let order = found.map { (dueBefore == nil ? 0 : $0.value.dueAt!, $0.key) }.sorted(by: <)
///     return order.prefix(limit).map(\.1)
///   }
/// }
/// ```
public protocol RelayStore: Sendable {
  /// The record under `key`, or nothing.
  func load(_ key: String) async throws -> StoreRecord?

  /// Puts `new` under `key` (`nil`: deletes it) if the version there is `expected` (`nil`: if
  /// nothing is there), in one atomic step. Says whether it did.
  func compareAndSwap(_ key: String, expected: UInt64?, new: StoreRecord?) async throws -> Bool

  /// Up to `limit` keys that begin with `prefix`.
  ///
  /// With `dueBefore`: only those whose ``StoreRecord/dueAt`` is at or before it, the oldest
  /// `dueAt` first, keys with the same one in their own order. Its cost must follow the number of
  /// such keys, not the number of records: an index on `dueAt` does it. With `nil`: all of them, in
  /// the order of their keys, byte by byte.
  func scan(prefix: String, dueBefore: UInt64?, limit: Int) async throws -> [String]
}

/// Where verifications and passes are kept.
///
/// ```swift
/// let options = RelayPassOptions(apiKey: apiKey, store: .custom(MemoryStore()))
/// ```
public enum StoreSource: Sendable, ExpressibleByStringLiteral {
  /// A built-in store: `memory:`, `sqlite:///absolute/path`, `postgres://…`.
  case url(String)
  /// A store of yours.
  case custom(any RelayStore)

  /// A built-in store, by its URL.
  public init(stringLiteral url: String) {
    self = .url(url)
  }

  var url: String? {
    if case .url(let url) = self { url } else { nil }
  }

  var object: (any RelayStore)? {
    if case .custom(let store) = self { store } else { nil }
  }
}

extension StoreSource: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Which of both it is: a URL may hold a password.
  public var description: String {
    switch self {
    case .url: "StoreSource.url([redacted])"
    case .custom(let store): "StoreSource.custom(\(type(of: store)))"
    }
  }
  /// As ``description``.
  public var debugDescription: String { description }
  /// What a debugger and `dump` see: nothing.
  public var customMirror: Mirror { Mirror(self, children: []) }
}
